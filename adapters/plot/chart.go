package plot

import (
	"math"
	"strings"

	svg "github.com/ajstarks/svgo/float"
)

// The size of a chart, and the edges of the area of its lines, in units of the page. The legend is
// above that area, so that it hides no line.
const (
	width, height       = 960, 480
	left, right, bottom = 100, width - 40, height - 80
	belowTitle          = 60
	row                 = 18 // of text
)

const (
	black, white = "#000000", "#FFFFFF"
	grid         = "stroke:#E1E1E1"
	centered     = "text-anchor:middle"
	rightAligned = "text-anchor:end"
)

// chart is a diagram of lines.
type chart struct {
	title, xLabel, yLabel string
	// xTicks returns the marks of the x axis.
	xTicks func(from, to float64) []tick
	// margin is the length of the x axis before the first point and after the last one, in values.
	margin float64
	lines  []line
}

// line is a line of a chart.
type line struct {
	name   string
	points []point
	every  int // there is a mark at each every-th point; at least 1
}

// point is a pair of values on the axes.
type point struct{ x, y float64 }

// scale maps the values from from to to on an axis to the places from start to end on the page.
type scale struct{ from, to, start, end float64 }

// place returns the place of a value.
func (s scale) place(value float64) float64 {
	return s.start + (value-s.from)/(s.to-s.from)*(s.end-s.start)
}

// scales returns the scales of the axes. The y axis ends at top.
func (c *chart) scales(top float64) (x, y scale) {
	x = scale{from: math.Inf(1), to: math.Inf(-1), start: left, end: right}
	y = scale{start: bottom, end: top}
	for _, l := range c.lines {
		for _, p := range l.points {
			x.from, x.to, y.to = min(x.from, p.x), max(x.to, p.x), max(y.to, p.y)
		}
	}
	if x.from > x.to {
		x.from, x.to = 0, 0
	}
	x.from, x.to = x.from-c.margin, x.to+c.margin
	if x.to <= x.from {
		x.to = x.from + 1
	}
	if y.to <= 0 {
		y.to = 1
	}
	const room = 1.05 // for the marks of the highest points
	y.to *= room
	return x, y
}

// draw draws the chart at the origin.
func (c *chart) draw(page *svg.SVG) {
	x, y := c.scales(belowTitle + row*float64(len(c.lines)))
	c.drawAxes(page, x, y)
	for i, l := range c.lines {
		const sample, gap = 80, 10
		look := looks[i%len(looks)]
		middle := belowTitle + row*float64(i) - row/2
		name := l.name
		if len(l.points) == 0 {
			name += " (none)"
		} else {
			look.drawLine(page, []float64{left, left + sample}, []float64{middle, middle})
			look.drawMark(page, left+sample/2, middle)
			l.draw(page, look, x, y, i)
		}
		page.Text(left+sample+gap, middle+row/4, name)
	}
}

// drawAxes draws the frame of the lines, the grid and all texts but the legend.
func (c *chart) drawAxes(page *svg.SVG, x, y scale) {
	center, middle := (x.start+x.end)/2, (y.start+y.end)/2
	page.Text(center, belowTitle/2, c.title, centered+";font-size:18px")
	page.Text(center, height-row, c.xLabel, centered)
	page.TranslateRotate(row, middle, -90)
	page.Text(0, 0, c.yLabel, centered)
	page.Gend()
	for _, t := range c.xTicks(x.from, x.to) {
		at := x.place(t.value)
		page.Line(at, y.start, at, y.end, grid)
		for i, text := range strings.Split(t.name, "\n") {
			page.Text(at, y.start+row*float64(i+1), text, centered)
		}
	}
	for _, t := range numberTicks(y.from, y.to) {
		at := y.place(t.value)
		page.Line(x.start, at, x.end, at, grid)
		page.Text(x.start-row/2, at+row/4, t.name, rightAligned)
	}
	page.Rect(x.start, y.end, x.end-x.start, y.start-y.end, "fill:none;stroke:"+black)
}

// draw draws a line that has points, the index-th of its chart. Lines that coincide have their
// marks at different points.
func (l *line) draw(page *svg.SVG, look look, x, y scale, index int) {
	var xs, ys []float64
	for _, p := range l.points {
		xs, ys = append(xs, x.place(p.x)), append(ys, y.place(p.y))
	}
	look.drawLine(page, xs, ys)
	for i := index * l.every / MaxSeries; i < len(xs); i += l.every {
		look.drawMark(page, xs[i], ys[i])
	}
}
