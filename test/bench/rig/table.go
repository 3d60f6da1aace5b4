package rig

import (
	"fmt"
	"strconv"
	"strings"
)

// Markdown formats the rows as a table, with a line about the machine above it.
func (r Results) Markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Measured with %s on %d processors, all contestants of a row in turn; medians."+
		"\n\n", r.Go, r.Processors)
	text.WriteString("| What | Beside | Measured | Reach | Stretch |\n" +
		"| --- | --- | --- | --- | --- |\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&text, "| %s | %s | %s%s | %s | %s |\n", row.What, row.Beside,
			row.format(row.Value), row.verdict(), row.goal(row.Reach), row.goal(row.Stretch))
	}
	return text.String()
}

// Short formats the ratios in which more is better, without their goals.
func (r Results) Short() string {
	text := "| What | Beside | Measured |\n| --- | --- | --- |\n"
	for _, row := range r.Rows {
		if row.Unit == Times && row.AtLeast {
			text += fmt.Sprintf("| %s | %s | %s |\n", row.What, row.Beside, row.format(row.Value))
		}
	}
	return text
}

// verdict says which goal is met.
func (r Row) verdict() string {
	switch {
	case r.Reach == 0:
		return ""
	case r.meets(r.Stretch):
		return ", stretch"
	case r.meets(r.Reach):
		return ", reached"
	}
	return ", **missed**"
}

func (r Row) goal(goal float64) string {
	if goal == 0 {
		return "–"
	}
	if r.AtLeast {
		return "≥ " + r.format(goal)
	}
	return "≤ " + r.format(goal)
}

func (r Row) format(value float64) string { return r.Unit.Format(value) }

// Format writes a value with the unit.
func (u Unit) Format(value float64) string {
	text := Number(rounded(value))
	if u == Times {
		return text + string(u)
	}
	return text + " " + string(u)
}

// Number writes a number with as many digits as it has.
func Number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
