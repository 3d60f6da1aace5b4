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
	// Limits names the limits, from the lowest; at least one.
	Limits []string
	Series []LimitSeries
}

// LimitSeries is one line of a chart by limit.
type LimitSeries struct {
	Name string
	// Shares has one element for each limit, from 0 to 1.
	Shares []float64
}

// MaxSeries is the number of lines that can be told apart.
const MaxSeries = 6

const (
	width  = 24 * vg.Centimeter
	height = 28 * vg.Centimeter
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
	places := plot.Align([][]*plot.Plot{{top.Plot}, {bottom.Plot}}, tiles, page)
	top.draw(places[0][0])
	bottom.draw(places[1][0])
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// chart is a plot with its legend below it, where no line can hide it.
type chart struct {
	*plot.Plot
	lines int // of the legend
}

// newChart returns an empty chart with its titles.
func newChart(title, x, y string) *chart {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Millimeter * 3
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Y.Min = 0
	// The marks are left of the names, which may be wider than they are taken for: the fonts are
	// the viewer's.
	p.Legend = plot.NewLegend()
	p.Legend.Left = true
	p.Legend.Padding = vg.Millimeter
	p.Legend.ThumbnailWidth = 2 * vg.Centimeter
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{Y: 225}, color.Gray{Y: 225}
	p.Add(grid)
	return &chart{Plot: p}
}

// draw draws a chart into a place.
func (c *chart) draw(place draw.Canvas) {
	const ofLine = 6 * vg.Millimeter
	legend := c.Legend
	c.Legend = plot.NewLegend()
	height := vg.Length(c.lines) * ofLine
	c.Draw(draw.Crop(place, 0, 0, height, 0))
	legend.Draw(draw.Crop(place, 0, 0, 0, height-place.Size().Y))
}

// overTime draws counts over time.
func overTime(of OverTime) (*chart, error) {
	interval := time.Second
	for _, series := range of.Series {
		interval = max(interval, series.Width)
	}
	p := newChart(of.Title, "time (UTC)", "refused requests per minute")
	p.X.Tick.Marker = timeTicks{}
	for _, series := range of.Series {
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
		if err := p.add(series.Name, points, max(1, len(points)/12)); err != nil {
			return nil, err
		}
	}
	p.makeRoom()
	return p, nil
}

// byLimit draws shares by limits, which are evenly spaced, for they usually double.
func byLimit(of ByLimit) (*chart, error) {
	p := newChart(of.Title, of.Limit, "refused share of requests (%)")
	for _, series := range of.Series {
		points := plotter.XYs{}
		for i, share := range series.Shares {
			const percent = 100
			points = append(points, plotter.XY{X: float64(i), Y: percent * share})
		}
		if err := p.add(series.Name, points, 1); err != nil {
			return nil, err
		}
	}
	p.makeRoom()
	var ticks plot.ConstantTicks
	for i, limit := range of.Limits {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: limit})
	}
	p.X.Tick.Marker = ticks
	const margin = 0.3
	p.X.Min, p.X.Max = -margin, float64(len(of.Limits)-1)+margin
	return p, nil
}

// makeRoom leaves room above what is drawn, also if it is nothing.
func (c *chart) makeRoom() {
	if c.Y.Max <= c.Y.Min {
		c.Y.Max = c.Y.Min + 1
	}
	const above = 0.05
	c.Y.Max += (c.Y.Max - c.Y.Min) * above
}

// add draws a line, with a mark at every so many of its points.
func (c *chart) add(name string, points plotter.XYs, every int) error {
	index := c.lines
	c.lines++
	if len(points) == 0 {
		c.Legend.Add(name + " (none)")
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
	marks.GlyphStyle = draw.GlyphStyle{Color: color.Black, Radius: vg.Points(4),
		Shape: shapes[index%len(shapes)]}
	c.Add(line, marks)
	c.Legend.Add(name, line, marks)
	return nil
}

// The marks are full for the first three lines, and empty for the others.
var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{},
	draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}

var dashes = [][]vg.Length{nil, {vg.Points(8), vg.Points(4)}, {vg.Points(2), vg.Points(3)},
	{vg.Points(8), vg.Points(3), vg.Points(2), vg.Points(3)}, {vg.Points(14), vg.Points(4)},
	{vg.Points(4), vg.Points(4)}}
