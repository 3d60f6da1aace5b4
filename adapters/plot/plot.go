// Package plot draws the outcome of a simulation as an SVG picture that is clear without colours:
// lines differ by dashes and marks. The package imports gonum/plot and the standard library.
package plot

import (
	"bytes"
	"image/color"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Picture is what to draw: one chart above the other.
type Picture struct {
	// OverTime holds refusals over time.
	OverTime OverTime
	// ByLimit holds the share of requests that were refused, by limit.
	ByLimit ByLimit
}

// OverTime is a chart of counts in intervals.
type OverTime struct {
	Title  string
	Series []TimeSeries
}

// TimeSeries is one line of a chart over time.
type TimeSeries struct {
	Name  string
	Start time.Time
	Width time.Duration
	// Counts has one element for each interval.
	Counts []int
}

// ByLimit is a chart of shares by a limit.
type ByLimit struct {
	Title, Limit string
	Series       []LimitSeries
}

// LimitSeries is one line of a chart by limit. Limits and Shares have the same length.
type LimitSeries struct {
	Name   string
	Limits []int
	Shares []float64 // 0 to 1
}

// MaxSeries is the number of lines that can be told apart.
const MaxSeries = 6

const (
	width  = 24 * vg.Centimeter
	height = 24 * vg.Centimeter
)

// SVG returns a picture as SVG.
func SVG(picture Picture) ([]byte, error) {
	top, err := overTime(picture.OverTime)
	if err != nil {
		return nil, err
	}
	bottom, err := byLimit(picture.ByLimit)
	if err != nil {
		return nil, err
	}
	canvas := vgsvg.New(width, height)
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Path())
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadX: vg.Centimeter, PadY: vg.Centimeter,
		PadTop: vg.Centimeter, PadBottom: vg.Centimeter, PadLeft: vg.Centimeter,
		PadRight: vg.Centimeter}
	places := plot.Align([][]*plot.Plot{{top}, {bottom}}, tiles, page)
	top.Draw(places[0][0])
	bottom.Draw(places[1][0])
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// newPlot returns an empty chart with its titles.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Millimeter * 3
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Y.Min = 0
	// The marks are left of the names, which may be wider than they are taken for: the fonts are
	// the viewer's.
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Millimeter
	p.Legend.ThumbnailWidth = 2 * vg.Centimeter
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{Y: 225}, color.Gray{Y: 225}
	p.Add(grid)
	return p
}

// overTime draws counts over time.
func overTime(chart OverTime) (*plot.Plot, error) {
	interval := time.Second
	for _, series := range chart.Series {
		interval = max(interval, series.Width)
	}
	p := newPlot(chart.Title, "time (UTC)", "refused requests per minute")
	p.X.Tick.Marker = timeTicks{}
	for i, series := range chart.Series {
		points := plotter.XYs{}
		step := int(interval / max(time.Second, series.Width))
		for from := 0; from < len(series.Counts); from += step {
			sum := 0
			for _, count := range series.Counts[from:min(from+step, len(series.Counts))] {
				sum += count
			}
			at := series.Start.Add(time.Duration(from) * series.Width)
			points = append(points, plotter.XY{X: float64(at.Unix()), Y: float64(sum) / interval.Minutes()})
		}
		if err := add(p, i, series.Name, points, max(1, len(points)/12)); err != nil {
			return nil, err
		}
	}
	makeRoom(p, len(chart.Series))
	return p, nil
}

// byLimit draws shares by limit.
func byLimit(chart ByLimit) (*plot.Plot, error) {
	p := newPlot(chart.Title, chart.Limit, "refused share of requests (%)")
	for i, series := range chart.Series {
		points := plotter.XYs{}
		for j, limit := range series.Limits {
			const percent = 100
			points = append(points, plotter.XY{X: float64(limit), Y: percent * series.Shares[j]})
		}
		if err := add(p, i, series.Name, points, 1); err != nil {
			return nil, err
		}
	}
	makeRoom(p, len(chart.Series))
	p.X.Min = 0
	return p, nil
}

// makeRoom leaves room for a legend of so many lines above what is drawn.
func makeRoom(p *plot.Plot, lines int) {
	if p.Y.Max <= p.Y.Min {
		p.Y.Max = p.Y.Min + 1
	}
	const ofLine = 0.06
	p.Y.Max += (p.Y.Max - p.Y.Min) * (0.1 + ofLine*float64(lines))
}

// add draws a line, with a mark at every so many of its points.
func add(p *plot.Plot, index int, name string, points plotter.XYs, every int) error {
	if len(points) == 0 {
		p.Legend.Add(name + " (none)")
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.LineStyle = draw.LineStyle{Color: color.Black, Width: vg.Points(1.2),
		Dashes: dashes[index%len(dashes)]}
	var marked plotter.XYs
	// Lines that coincide have their marks at different points.
	for i := index * every / MaxSeries; i < len(points); i += every {
		marked = append(marked, points[i])
	}
	marks, err := plotter.NewScatter(marked)
	if err != nil {
		return err
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: color.Black, Radius: vg.Points(3.5),
		Shape: shapes[index%len(shapes)]}
	p.Add(line, marks)
	p.Legend.Add(name, line, marks)
	return nil
}

var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{},
	draw.CrossGlyph{}, draw.RingGlyph{}, draw.PlusGlyph{}}

var dashes = [][]vg.Length{nil, {vg.Points(8), vg.Points(4)}, {vg.Points(2), vg.Points(3)},
	{vg.Points(8), vg.Points(3), vg.Points(2), vg.Points(3)}, {vg.Points(14), vg.Points(4)},
	{vg.Points(4), vg.Points(4)}}
