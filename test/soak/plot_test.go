package soak_test

import (
	"bytes"
	"image/color"
	"os"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// bucket is the time that one point of the plot stands for: the plot has few points, so that its
// file is small.
const bucket = 300

// palette has the colours of the lines, which differ in lightness too.
var palette = []color.Color{color.RGBA{R: 0x1b, G: 0x6c, B: 0xa8, A: 0xff},
	color.RGBA{R: 0xd9, G: 0x6b, B: 0x0c, A: 0xff}, color.RGBA{R: 0x5b, G: 0x8c, B: 0x2a, A: 0xff}}

var faultColor = color.RGBA{R: 0xa0, G: 0xa0, B: 0xa0, A: 0xff}

// line is a named line of a plot.
type line struct {
	name   string
	points plotter.XYs
}

// draw writes the plot: latency and memory over time, with the faults marked.
func (r *result) draw(file string) error {
	latency, err := r.plot("Latency in ms", lowestLatency, r.latencies())
	if err != nil {
		return err
	}
	latency.Y.Scale, latency.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	resident, err := r.plot("Resident memory in MiB", 0, r.memories())
	if err != nil {
		return err
	}
	resident.X.Label.Text = "Minutes. A grey line is a fault, with its number in the table."
	both := [][]*plot.Plot{{latency}, {resident}}
	canvas := vgsvg.New(9*vg.Inch, 6*vg.Inch)
	tiles := draw.Tiles{Rows: len(both), Cols: 1, PadY: vg.Points(10), PadRight: vg.Points(10)}
	for i, tile := range plot.Align(both, tiles, draw.New(canvas)) {
		both[i][0].Draw(tile[0])
	}
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// lowestLatency is where the axis of latencies, which is logarithmic, begins.
const lowestLatency = 0.5

// plot returns a plot of lines above a lowest value, with the faults marked.
func (r *result) plot(title string, lowest float64, lines []line) (*plot.Plot, error) {
	p := plot.New()
	p.Y.Label.Text = title
	p.BackgroundColor = color.White
	p.X.Min, p.X.Max = 0, part(1).Minutes()
	p.Legend.Top, p.Legend.YOffs = true, vg.Points(-12) // below the numbers
	highest := 0.0
	p.Y.Min = lowest
	for i, one := range lines {
		drawn, err := plotter.NewLine(one.points)
		if err != nil {
			return nil, err
		}
		drawn.Color, drawn.Width = palette[i], vg.Points(1.2)
		p.Add(drawn)
		p.Legend.Add(one.name, drawn)
		_, _, _, high := plotter.XYRange(one.points)
		highest = max(highest, high)
	}
	top := highest * 1.4 // room for the numbers and the legend
	marks := plotter.XYLabels{}
	for i, f := range r.faults {
		x := r.minutes(f.sent)
		mark, err := plotter.NewLine(plotter.XYs{{X: x, Y: lowest}, {X: x, Y: top}})
		if err != nil {
			return nil, err
		}
		mark.Color, mark.Dashes = faultColor, []vg.Length{vg.Points(3), vg.Points(3)}
		p.Add(mark)
		marks.XYs = append(marks.XYs, plotter.XY{X: x, Y: top})
		marks.Labels = append(marks.Labels, strconv.Itoa(i+1))
	}
	labels, err := plotter.NewLabels(marks)
	if err != nil {
		return nil, err
	}
	p.Add(labels)
	return p, nil
}

func (r *result) minutes(at time.Time) float64 { return at.Sub(r.began).Minutes() }

func (r *result) latencies() []line {
	p50, p99 := line{name: "p50"}, line{name: "p99"}
	for i := range bucket {
		from, to := r.began.Add(part(float64(i)/bucket)), r.began.Add(part(float64(i+1)/bucket))
		in := r.between(from, to)
		if len(in) == 0 {
			continue
		}
		for percent, one := range map[int]*line{50: &p50, 99: &p99} {
			one.points = append(one.points, plotter.XY{X: r.minutes(from),
				Y: max(lowestLatency, float64(percentile(percent, in).Microseconds())/1000)})
		}
	}
	return []line{p50, p99}
}

func (r *result) memories() []line {
	var lines []line
	for i := range r.readings.of {
		one := line{name: "replica " + strconv.Itoa(i+1)}
		for n := range bucket {
			from, to := r.began.Add(part(float64(n)/bucket)), r.began.Add(part(float64(n+1)/bucket))
			if m := r.readings.median(i, memory, from, to); m > 0 {
				one.points = append(one.points, plotter.XY{X: r.minutes(from), Y: m / (1 << 20)})
			}
		}
		lines = append(lines, one)
	}
	return lines
}
