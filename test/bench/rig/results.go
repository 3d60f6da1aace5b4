package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"
)

// Results are the rows of one machine, in the order in which they were first measured.
type Results struct {
	Go         string `json:"go"`
	Processors int    `json:"processors"`
	Rows       []Row  `json:"rows"`
	// Curves show how figures grow. They have no goals.
	Curves []Curve `json:"curves,omitempty"`
}

// NewResults returns results of this machine.
func NewResults(rows ...Row) Results {
	return Results{Go: runtime.Version(), Processors: runtime.NumCPU(), Rows: rows}
}

// ReadResults reads results from a file; a file that does not exist has none.
func ReadResults(file string) (Results, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Results{}, nil
	} else if err != nil {
		return Results{}, err
	}
	var r Results
	if err := json.Unmarshal(text, &r); err != nil {
		return Results{}, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// Merged returns the results with the rows of newer in place of the same rows, and after the others
// where there are none.
func (r Results) Merged(newer Results) Results {
	rows := slices.Clone(r.Rows)
	for _, row := range newer.Rows {
		if at := slices.IndexFunc(rows, row.is); at >= 0 {
			rows[at] = row
		} else {
			rows = append(rows, row)
		}
	}
	newer.Rows = rows
	newer.Curves = mergedCurves(r.Curves, newer.Curves)
	return newer
}

// Write writes the results to a file, without the digits that mean nothing.
func (r Results) Write(file string) error {
	rows := slices.Clone(r.Rows)
	for i := range rows {
		rows[i].Value = rounded(rows[i].Value)
		rows[i].Figures = slices.Clone(rows[i].Figures)
		for k := range rows[i].Figures {
			rows[i].Figures[k].Value = rounded(rows[i].Figures[k].Value)
		}
	}
	r.Rows = rows
	r.Curves = slices.Clone(r.Curves)
	for i := range r.Curves {
		r.Curves[i].Points = slices.Clone(r.Curves[i].Points)
		for k := range r.Curves[i].Points {
			r.Curves[i].Points[k].Y = rounded(r.Curves[i].Points[k].Y)
		}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// rounded returns a value with three digits that mean something, or as many as it has before the
// point.
func rounded(value float64) float64 {
	if value == 0 {
		return 0
	}
	scale := math.Pow(10, max(2-math.Floor(math.Log10(math.Abs(value))), 0))
	return math.Round(value*scale) / scale
}

// Regressions describes the rows that are worse than before by more than a share, such as 0.15.
// Rows that were not measured before, and those in units of time, are not compared.
func (r Results) Regressions(before Results, share float64) (worse []string) {
	for _, row := range r.Rows {
		at := slices.IndexFunc(before.Rows, row.is)
		if at < 0 || !row.Unit.compared() {
			continue
		}
		if was := before.Rows[at]; row.worse(was) > 1+share {
			worse = append(worse, fmt.Sprintf("%s, beside %s: %s, was %s", row.What, row.Beside,
				row.format(row.Value), row.format(was.Value)))
		}
	}
	return worse
}
