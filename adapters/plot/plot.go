// Package plot draws the outcome of a simulation as an SVG picture that is clear without colours:
// lines differ by dashes and marks. It lays out axes, ticks and legends itself: libraries that do
// load fonts when the process starts, which the service would pay for. The package imports svgo and
// the standard library.
package plot

import (
	"bytes"
	"time"

	svg "github.com/ajstarks/svgo/float"
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
	// Counts has the count of each interval of length Width from Start on.
	Counts []int
}

// ByLimit is a chart of shares by a limit. Limit is the label of its axis.
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

// MaxSeries is the maximum number of lines in a chart: more cannot be told apart.
const MaxSeries = 6

// SVG returns the picture as an SVG document.
func SVG(picture Picture) []byte {
	const centimeters = 24
	var text bytes.Buffer
	page := svg.New(&text)
	page.StartviewUnit(centimeters, centimeters, "cm", 0, 0, width, 2*height)
	page.Rect(0, 0, width, 2*height, "fill:"+white)
	page.Gstyle("font-family:sans-serif;font-size:14px;fill:" + black)
	overTime(picture.OverTime).draw(page)
	page.Translate(0, height)
	byLimit(picture.ByLimit).draw(page)
	page.Gend()
	page.Gend()
	page.End()
	return text.Bytes()
}

// overTime returns the chart of counts over time. Counts in shorter intervals than the longest one
// are summed up, so that all lines have points at the same distance.
func overTime(spec OverTime) *chart {
	interval := time.Second
	for _, series := range spec.Series {
		interval = max(interval, series.Width)
	}
	c := &chart{title: spec.Title, xLabel: "time (UTC)", yLabel: "refused requests per minute",
		xTicks: timeTicks}
	for _, series := range spec.Series {
		l := line{name: series.Name}
		step := int(interval / max(time.Second, series.Width))
		for from := 0; from < len(series.Counts); from += step {
			sum := 0
			for _, count := range series.Counts[from:min(from+step, len(series.Counts))] {
				sum += count
			}
			at := series.Start.Add(time.Duration(from) * series.Width)
			l.points = append(l.points,
				point{float64(at.Unix()), float64(sum) / interval.Minutes()})
		}
		const marks = 12
		l.every = max(1, len(l.points)/marks)
		c.lines = append(c.lines, l)
	}
	return c
}

// byLimit returns the chart of shares by limits. The limits are evenly spaced, because each is
// usually twice the one before it.
func byLimit(spec ByLimit) *chart {
	c := &chart{title: spec.Title, xLabel: spec.Limit, yLabel: "refused share of requests (%)",
		margin: 0.3}
	c.xTicks = func(_, _ float64) (ticks []tick) {
		for i, limit := range spec.Limits {
			ticks = append(ticks, tick{float64(i), limit})
		}
		return ticks
	}
	for _, series := range spec.Series {
		l := line{name: series.Name, every: 1}
		for i, share := range series.Shares {
			const percent = 100
			l.points = append(l.points, point{float64(i), percent * share})
		}
		c.lines = append(c.lines, l)
	}
	return c
}
