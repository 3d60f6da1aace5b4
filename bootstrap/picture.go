package bootstrap

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/adapters/plot"
	"github.com/offload/sessiond/app/simulate"
	"github.com/offload/sessiond/domain/throttle"
)

// axis is a property in which settings can differ: a limit or the window.
type axis struct {
	name, label string
	isWindow    bool
	of          func(*simulate.Setting) int
}

// axes returns the properties in which the settings of a report differ. If there is none, it
// returns the first limit that the settings have.
func axes(report *simulate.Report) []axis {
	var all, differing []axis
	for _, dimension := range throttle.Dimensions() {
		all = append(all, axis{name: dimension.String(),
			label: "limit by " + dimension.String() + " (grants in a window)",
			of:    func(s *simulate.Setting) int { return s.Limits.Of(dimension) }})
	}
	all = append(all, axis{name: "window", label: "window", isWindow: true,
		of: func(s *simulate.Setting) int { return int(s.Window.Seconds()) }})
	first := &report.Results[0].Setting
	for _, candidate := range all {
		if slices.ContainsFunc(report.Results, func(result simulate.Result) bool {
			return candidate.of(&result.Setting) != candidate.of(first)
		}) {
			differing = append(differing, candidate)
		}
	}
	if len(differing) > 0 {
		return differing
	}
	return all[slices.IndexFunc(all, func(a axis) bool { return a.of(first) > 0 }):][:1]
}

// text returns the value of a setting on an axis.
func (a *axis) text(setting *simulate.Setting) string {
	switch value := a.of(setting); {
	case a.isWindow:
		return fmt.Sprintf("%d s", value)
	case value == 0:
		return "off"
	default:
		return strconv.Itoa(value)
	}
}

// compare orders settings on an axis; a limit that is off is the highest.
func (a *axis) compare(one, other *simulate.Setting) int {
	height := func(s *simulate.Setting) uint { return uint(a.of(s)) - 1 }
	return cmp.Compare(height(one), height(other))
}

// nameOf returns a name of a setting that has its value on each of the axes.
func nameOf(setting *simulate.Setting, differing []axis) string {
	if len(differing) == 0 {
		return "all settings"
	}
	var parts []string
	for _, by := range differing {
		parts = append(parts, by.name+" "+by.text(setting))
	}
	return strings.Join(parts, ", ")
}

// picture returns the picture of a report, which must have a result.
func picture(report *simulate.Report) plot.Picture {
	differing := axes(report)
	over := plot.OverTime{Title: "Requests that would be refused"}
	for _, i := range spread(len(report.Results)) {
		result := &report.Results[i]
		over.Series = append(over.Series, plot.TimeSeries{
			Name:  nameOf(&result.Setting, differing),
			Start: result.Refusals.Start, Width: result.Refusals.Width,
			Counts: result.Refusals.Counts()})
	}
	return plot.Picture{OverTime: over, ByLimit: byLimit(report, &differing[0], differing[1:])}
}

// byLimit returns the chart of refused shares by the values on the axis along, with a line for each
// combination of values on the other axes.
func byLimit(report *simulate.Report, along *axis, others []axis) plot.ByLimit {
	results := slices.Clone(report.Results)
	slices.SortStableFunc(results, func(a, b simulate.Result) int {
		return along.compare(&a.Setting, &b.Setting)
	})
	chart := plot.ByLimit{Title: "Refused share by limit", Limit: along.label}
	var lines []plot.LimitSeries
	for i := range results {
		setting := &results[i].Setting
		if limit := along.text(setting); !slices.Contains(chart.Limits, limit) {
			chart.Limits = append(chart.Limits, limit)
		}
		name := nameOf(setting, others)
		at := slices.IndexFunc(lines, func(line plot.LimitSeries) bool { return line.Name == name })
		if at < 0 {
			at = len(lines)
			lines = append(lines, plot.LimitSeries{Name: name})
		}
		lines[at].Shares = append(lines[at].Shares, refusedShare(&results[i]))
	}
	lines = distinct(lines)
	for _, i := range spread(len(lines)) {
		chart.Series = append(chart.Series, lines[i])
	}
	return chart
}

// distinct returns the first of each set of lines that coincide. Its name has the number of the
// others.
func distinct(lines []plot.LimitSeries) []plot.LimitSeries {
	var kept []plot.LimitSeries
	alike := map[int]int{}
	for _, line := range lines {
		at := slices.IndexFunc(kept, func(other plot.LimitSeries) bool {
			return slices.Equal(line.Shares, other.Shares)
		})
		if at >= 0 {
			alike[at]++
			continue
		}
		kept = append(kept, line)
	}
	for at, others := range alike {
		kept[at].Name += fmt.Sprintf(" (and %d more alike)", others)
	}
	return kept
}

// spread returns evenly spread indexes of n lines, at most plot.MaxSeries of them: more lines
// cannot be told apart.
func spread(n int) []int {
	var some []int
	for i := range min(n, plot.MaxSeries) {
		some = append(some, i*(n-1)/max(1, min(n, plot.MaxSeries)-1))
	}
	return some
}
