package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/offload/sessiond/adapters/plot"
	"github.com/offload/sessiond/app/simulate"
	"github.com/offload/sessiond/domain/throttle"
)

// axis is one thing that settings differ in.
type axis struct {
	name, label string
	of          func(*simulate.Setting) int
}

// axes returns what the settings of a report differ in. If they differ in nothing, it is the first
// limit that they have.
func axes(report *simulate.Report) []axis {
	var limited, differing []axis
	for _, dimension := range throttle.Dimensions() {
		limited = append(limited, axis{name: dimension.String(),
			label: "limit by " + dimension.String() + " (grants in a window)",
			of:    func(s *simulate.Setting) int { return s.Limits.Of(dimension) }})
	}
	limited = append(limited, axis{name: "window", label: "window (s)",
		of: func(s *simulate.Setting) int { return int(s.Window.Seconds()) }})
	first := &report.Results[0].Setting
	for _, one := range limited {
		if slices.ContainsFunc(report.Results, func(result simulate.Result) bool {
			return one.of(&result.Setting) != one.of(first)
		}) {
			differing = append(differing, one)
		}
	}
	if len(differing) > 0 {
		return differing
	}
	return limited[slices.IndexFunc(limited, func(a axis) bool { return a.of(first) > 0 }):][:1]
}

// nameOf returns the name of a setting among others, by what they differ in.
func nameOf(setting *simulate.Setting, differing []axis) string {
	var parts []string
	for _, one := range differing {
		part := fmt.Sprintf("%s %d", one.name, one.of(setting))
		if one.name == "window" {
			part += " s"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// picture returns what to draw of a report.
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
	by := plot.ByLimit{Title: "Refused share by limit", Limit: differing[0].label}
	lines := map[string]*plot.LimitSeries{}
	var names []string
	for i := range report.Results {
		result := &report.Results[i]
		name := nameOf(&result.Setting, differing[1:])
		if lines[name] == nil {
			lines[name] = &plot.LimitSeries{Name: name}
			names = append(names, name)
		}
		lines[name].Limits = append(lines[name].Limits, differing[0].of(&result.Setting))
		lines[name].Shares = append(lines[name].Shares, refusedShare(result))
	}
	for _, i := range spread(len(names)) {
		by.Series = append(by.Series, sorted(*lines[names[i]]))
	}
	return plot.Picture{OverTime: over, ByLimit: by}
}

// spread returns the indexes of at most as many of n lines as can be told apart, evenly spread.
func spread(n int) []int {
	if n <= plot.MaxSeries {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	var some []int
	for i := range plot.MaxSeries {
		some = append(some, i*(n-1)/(plot.MaxSeries-1))
	}
	return some
}

// sorted returns a line in the order of its limits.
func sorted(line plot.LimitSeries) plot.LimitSeries {
	order := make([]int, len(line.Limits))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return line.Limits[a] - line.Limits[b] })
	ordered := plot.LimitSeries{Name: line.Name}
	for _, i := range order {
		ordered.Limits = append(ordered.Limits, line.Limits[i])
		ordered.Shares = append(ordered.Shares, line.Shares[i])
	}
	return ordered
}
