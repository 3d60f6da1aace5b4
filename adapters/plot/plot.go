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

// SVG returns a picture as SVG.
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

// overTime returns the chart of counts over time.
func overTime(of OverTime) *chart {
	interval := time.Second
	for _, series := range of.Series {
		interval = max(interval, series.Width)
	}
	c := &chart{title: of.Title, xLabel: "time (UTC)", yLabel: "refused requests per minute",
		xTicks: timeTicks}
	for _, series := range of.Series {
		one := line{name: series.Name}
		step := int(interval / max(time.Second, series.Width))
		for from := 0; from < len(series.Counts); from += step {
			sum := 0
			for _, count := range series.Counts[from:min(from+step, len(series.Counts))] {
				sum += count
			}
			at := series.Start.Add(time.Duration(from) * series.Width)
			one.points = append(one.points,
				point{float64(at.Unix()), float64(sum) / interval.Minutes()})
		}
		const marks = 12
		one.every = max(1, len(one.points)/marks)
		c.lines = append(c.lines, one)
	}
	return c
}

// byLimit returns the chart of shares by limits, which are evenly spaced, for they usually double.
func byLimit(of ByLimit) *chart {
	c := &chart{title: of.Title, xLabel: of.Limit, yLabel: "refused share of requests (%)",
		margin: 0.3}
	c.xTicks = func(_, _ float64) (ticks []tick) {
		for i, limit := range of.Limits {
			ticks = append(ticks, tick{float64(i), limit})
		}
		return ticks
	}
	for _, series := range of.Series {
		one := line{name: series.Name, every: 1}
		for i, share := range series.Shares {
			const percent = 100
			one.points = append(one.points, point{float64(i), percent * share})
		}
		c.lines = append(c.lines, one)
	}
	return c
}
