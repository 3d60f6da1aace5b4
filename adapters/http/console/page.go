package console

import (
	"bytes"
	_ "embed"
	"html/template"
	"strconv"
	"sync"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

//go:embed page.html
var pageText string

// pages returns the template of the page. It is parsed when the page is first shown, because that
// takes half a millisecond, and most replicas never show it.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"duration": func(seconds int) string {
			return duration(time.Duration(seconds) * time.Second)
		},
		"clock": clock, "when": when, "since": since, "grouped": grouped, "plural": plural,
		"distance": func(now, at time.Time) string { return duration(at.Sub(now)) },
		"stamp":    func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
	}).Parse(pageText))
})

// document is the data of the template of the page.
type document struct {
	*view

	Live     bool
	Headline string
	Charts   []chart
	Timeline timeline
}

// page returns the view as HTML. A live page refreshes itself.
func page(v *view, live bool) ([]byte, error) {
	d := document{view: v, Live: live, Headline: headline(v), Timeline: newTimeline(v)}
	refusals := "Refused requests"
	if v.Limits.Mode == ports.Observe {
		refusals = "Over a limit, but served"
	}
	last := v.Traffic.LastMinute
	d.Charts = []chart{
		newChart("New sessions", "issued", last.Issued, v.Traffic.Issued),
		newChart("Renewed sessions", "renewed", last.Renewed, v.Traffic.Renewed),
		newChart(refusals, "refused", last.Refused, v.Traffic.Refused),
		newChart("Failed requests", "failed", last.Failed, v.Traffic.Failed),
	}
	var text bytes.Buffer
	if err := pages().Execute(&text, d); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// headline returns the summary of the worst notice.
func headline(v *view) string {
	if v.Status == statusOK {
		return "All is well"
	}
	return v.Notices[0].Summary
}

// More returns how many notices follow the headline that are not for information only.
func (d document) More() int {
	wrong := 0
	for _, n := range d.Notices {
		if n.Status > statusInfo {
			wrong++
		}
	}
	return max(wrong-1, 0)
}

// TopShare returns the least share of all refusals, in percent, that fell on the installations that
// were refused most.
func (d document) TopShare() int {
	sum := 0
	for _, install := range d.Limits.Installs {
		sum += install.AtLeast
	}
	return sum * 100 / max(d.Limits.InstallsRefused, 1)
}

// timelineColumns is how many stretches of time the timeline shows.
const timelineColumns = 4

// timeline shows the states of the keys between the next changes. Its columns have the same width,
// because minutes and months to scale would not be legible beside each other.
type timeline struct {
	Starts []time.Time // of the columns
	Rows   []timelineRow
	// Later is how many further changes there are.
	Later int
}

// timelineRow holds the states of one key.
type timelineRow struct {
	ID     keys.ID
	States []keys.State // in each column
}

// newTimeline returns the timeline from now on.
func newTimeline(v *view) timeline {
	t := timeline{Starts: []time.Time{v.At}}
	for _, change := range v.Changes {
		switch {
		case change.At.Equal(t.Starts[len(t.Starts)-1]):
		case len(t.Starts) == timelineColumns:
			t.Later++
		default:
			t.Starts = append(t.Starts, change.At)
		}
	}
	for _, shown := range v.Keys {
		row := timelineRow{ID: shown.ID}
		for _, at := range t.Starts {
			row.States = append(row.States, v.keyring.StateAt(shown.key, at))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// leastPeak is the smallest count that the full height of a chart stands for, so that a quiet
// service does not look busy.
const leastPeak = 10

// The size of a chart in its own units: one for each slot.
const (
	chartWidth  = slotCount
	chartHeight = 48
)

// chart is the picture of one count.
type chart struct {
	Title, Class string
	LastMinute   int
	// Peak is the largest count of a slot, per second.
	Peak string
	// Area is the path of the picture.
	Area          string
	Width, Height int
	// Sum is the count of all slots.
	Sum int
}

// newChart returns the chart of the counts of slots.
func newChart(title, class string, lastMinute int, slots []int) chart {
	c := chart{Title: title, Class: class, LastMinute: lastMinute, Width: chartWidth,
		Height: chartHeight}
	peak := leastPeak
	largest := 0
	for _, n := range slots {
		peak, largest, c.Sum = max(peak, n), max(largest, n), c.Sum+n
	}
	c.Peak = strconv.FormatFloat(float64(largest)/slotLength.Seconds(), 'f', 1, 64)
	path := []byte("M0 " + strconv.Itoa(chartHeight))
	level := -1.0
	for i, n := range slots {
		height := chartHeight - float64(n)*(chartHeight-1)/float64(peak)
		if height == level {
			continue
		}
		path = append(path, 'H')
		path = strconv.AppendInt(path, int64(i), 10)
		path = append(path, 'V')
		path = strconv.AppendFloat(path, height, 'f', 1, 64)
		level = height
	}
	c.Area = string(path) + "H" + strconv.Itoa(chartWidth) + "V" + strconv.Itoa(chartHeight) + "Z"
	return c
}
