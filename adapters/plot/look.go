package plot

import (
	"fmt"

	svg "github.com/ajstarks/svgo/float"
)

// look is the style of a line, by which it differs from other lines without colours.
type look struct {
	// dashes are the lengths of dashes and gaps.
	dashes string
	// mark is the outline of a mark, as path data relative to its center, and fill its colour.
	mark, fill string
}

const (
	circle   = "m-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z"
	square   = "m-4.5,-4.5h9v9h-9z"
	triangle = "m0,-6l5.5,9.5h-11z"
)

// looks are the styles of the lines in order. The marks of the first three are filled, the others
// are hollow.
var looks = [MaxSeries]look{
	{"none", circle, black},
	{"11 5", square, black},
	{"3 4", triangle, black},
	{"11 4 3 4", circle, white},
	{"19 5", square, white},
	{"5 5", triangle, white},
}

// drawLine draws a line through points.
func (l look) drawLine(page *svg.SVG, xs, ys []float64) {
	page.Polyline(xs, ys, "fill:none;stroke-width:1.6;stroke:"+black+";stroke-dasharray:"+l.dashes)
}

// drawMark draws the mark of a point.
func (l look) drawMark(page *svg.SVG, x, y float64) {
	page.Path(fmt.Sprintf("M%.2f,%.2f%s", x, y, l.mark),
		"stroke-width:1.4;stroke:"+black+";fill:"+l.fill)
}
