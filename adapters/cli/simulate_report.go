package cli

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/offload/sessiond/domain/throttle"
)

// SimulateReport is the outcome of a simulation. Times are RFC 3339, empty if there was no request.
type SimulateReport struct {
	// Source is "trace" or "access log".
	Source string `json:"source"`
	// Requests is how many were replayed.
	Requests int `json:"requests"`
	// Undecided is the number of further requests on which the service made no decision, and Others
	// the number of other requests in an access log.
	Undecided int    `json:"undecided"`
	Others    int    `json:"other_requests"`
	First     string `json:"first"`
	Last      string `json:"last"`
	// Unreadable counts the lines that could not be read by reason; never nil.
	Unreadable map[string]int   `json:"unreadable"`
	Settings   []SimulateResult `json:"settings"`
	// Suggestion is nil unless one was asked for.
	Suggestion *Suggestion `json:"suggestion,omitempty"`
	// Notes are lines for the reader; never nil.
	Notes []string `json:"notes"`
}

// Suggestion is the outcome of --suggest.
type Suggestion struct {
	// Share is what was asked for.
	Share float64 `json:"share"`
	// Setting is the index of the suggested setting; nil if none refuses so few.
	Setting *int `json:"setting"`
}

// SimulateResult is the outcome of one setting.
type SimulateResult struct {
	// Limits maps the names of the dimensions that are limited to their limits.
	Limits        map[string]int `json:"limits"`
	WindowSeconds int            `json:"window_seconds"`
	Requests      int            `json:"requests"`
	Refused       int            `json:"refused"`
	RefusedShare  float64        `json:"refused_share"`
	// RefusedBy counts refusals by the dimension that they name.
	RefusedBy          map[string]int `json:"refused_by"`
	LongestWaitSeconds float64        `json:"longest_wait_seconds"`
	// The shares are nil where there are no such subjects.
	Addresses     *SimulateShare `json:"addresses"`
	Networks      *SimulateShare `json:"networks"`
	Installations *SimulateShare `json:"installations"`
}

// SimulateShare describes the distribution of refusals over subjects. TopShare is the share of
// refusals of the 1 % of subjects that were refused most.
type SimulateShare struct {
	Subjects     int     `json:"subjects"`
	Refused      int     `json:"refused"`
	RefusedShare float64 `json:"refused_share"`
	TopShare     float64 `json:"top_share"`
}

// dimensions returns the names of the dimensions that at least one setting limits.
func (r *SimulateReport) dimensions() []string {
	var names []string
	for _, dimension := range throttle.Dimensions() {
		if slices.ContainsFunc(r.Settings, func(result SimulateResult) bool {
			return result.Limits[dimension.String()] > 0
		}) {
			names = append(names, dimension.String())
		}
	}
	return names
}

// writeText writes the table for people.
func (r *SimulateReport) writeText(w io.Writer) error {
	var text strings.Builder
	r.writeSummary(&text)
	if r.Requests > 0 {
		r.writeTable(&text)
	}
	if s := r.Suggestion; s != nil {
		text.WriteString("\n" + r.suggestion(s) + "\n")
	}
	for _, note := range r.Notes {
		text.WriteString("\nnote: " + oneLine(note) + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// writeSummary writes what was read.
func (r *SimulateReport) writeSummary(text *strings.Builder) {
	fmt.Fprintf(text, "%s: %d requests", r.Source, r.Requests)
	if r.Requests > 0 {
		fmt.Fprintf(text, " from %s to %s", r.First, r.Last)
	}
	text.WriteByte('\n')
	if r.Others > 0 {
		fmt.Fprintf(text, "other requests, left out: %d\n", r.Others)
	}
	if r.Undecided > 0 {
		fmt.Fprintf(text, "requests without a decision of the limiter, left out: %d\n", r.Undecided)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Unreadable)) {
		fmt.Fprintf(text, "unreadable, %s: %d\n", reason, r.Unreadable[reason])
	}
}

// writeTable writes one row for each setting.
func (r *SimulateReport) writeTable(text *strings.Builder) {
	dimensions := r.dimensions()
	addresses := slices.ContainsFunc(r.Settings, func(s SimulateResult) bool {
		return s.Addresses != nil
	})
	installs := slices.ContainsFunc(r.Settings, func(s SimulateResult) bool {
		return s.Installations != nil
	})
	top := append(slices.Repeat([]string{""}, len(dimensions)+1), "refused", "", "longest")
	head := append(slices.Clone(dimensions), "window", "requests", "", "wait")
	kind := func(present bool, name string) {
		if present {
			top, head = append(top, name, "on top"), append(head, "refused", "1 %")
		}
	}
	kind(addresses, "addresses")
	kind(installs, "installs")
	text.WriteByte('\n')
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells []string) {
		_, _ = io.WriteString(table, strings.Join(cells, "\t")+"\t\n")
	}
	row(top)
	row(head)
	for _, result := range r.Settings {
		cells := make([]string, 0, len(head))
		for _, dimension := range dimensions {
			cells = append(cells, orOff(result.Limits[dimension]))
		}
		cells = append(cells, fmt.Sprintf("%d s", result.WindowSeconds), strconv.Itoa(result.Refused),
			percent(result.RefusedShare), inSeconds(result.LongestWaitSeconds))
		for _, share := range []*SimulateShare{result.Addresses, result.Installations} {
			switch {
			case share != nil && share.Refused > 0:
				cells = append(cells, percent(share.RefusedShare), percent(share.TopShare))
			case share != nil:
				cells = append(cells, percent(0), "-")
			}
		}
		row(cells)
	}
	_ = table.Flush()
}

// suggestion describes a suggestion in one line.
func (r *SimulateReport) suggestion(s *Suggestion) string {
	if s.Setting == nil {
		return "No setting refuses at most " + percent(s.Share) + " of the subjects: " +
			"try higher limits."
	}
	result := r.Settings[*s.Setting]
	var parts []string
	for _, dimension := range r.dimensions() {
		parts = append(parts, dimension+" "+orOff(result.Limits[dimension]))
	}
	return fmt.Sprintf("The tightest setting that refuses at most %s of the subjects: %s, "+
		"window %d s.", percent(s.Share), strings.Join(parts, ", "), result.WindowSeconds)
}

// orOff returns a limit, or "off" for 0.
func orOff(limit int) string {
	if limit == 0 {
		return "off"
	}
	return strconv.Itoa(limit)
}

// writeCSV writes one record for each setting after a header (RFC 4180).
func (r *SimulateReport) writeCSV(w io.Writer) error {
	records := csv.NewWriter(w)
	records.UseCRLF = false
	var head []string
	for _, dimension := range throttle.Dimensions() {
		head = append(head, "limit_"+dimension.String())
	}
	head = append(head, "window_seconds", "requests", "refused", "refused_share")
	for _, dimension := range throttle.Dimensions() {
		head = append(head, "refused_by_"+dimension.String())
	}
	head = append(head, "longest_wait_seconds")
	for _, kind := range []string{"addresses", "networks", "installations"} {
		head = append(head, kind, kind+"_refused", kind+"_refused_share", kind+"_top_share")
	}
	_ = records.Write(append(head, "suggested"))
	float := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	for i, result := range r.Settings {
		var record []string
		for _, dimension := range throttle.Dimensions() {
			record = append(record, strconv.Itoa(result.Limits[dimension.String()]))
		}
		record = append(record, strconv.Itoa(result.WindowSeconds), strconv.Itoa(result.Requests),
			strconv.Itoa(result.Refused), float(result.RefusedShare))
		for _, dimension := range throttle.Dimensions() {
			record = append(record, strconv.Itoa(result.RefusedBy[dimension.String()]))
		}
		record = append(record, float(result.LongestWaitSeconds))
		for _, share := range []*SimulateShare{result.Addresses, result.Networks,
			result.Installations} {
			if share == nil {
				share = &SimulateShare{}
			}
			record = append(record, strconv.Itoa(share.Subjects), strconv.Itoa(share.Refused),
				float(share.RefusedShare), float(share.TopShare))
		}
		suggested := r.Suggestion != nil && r.Suggestion.Setting != nil && *r.Suggestion.Setting == i
		_ = records.Write(append(record, strconv.FormatBool(suggested)))
	}
	records.Flush()
	return records.Error()
}
