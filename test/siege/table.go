package main

import (
	"fmt"
	"runtime"
	"strings"
)

// intro stands before the table. Its lines are wrapped as they are in the file.
const intro = `Measured with attackers, other clients and the service on one machine with
%d processors. Each cell is before → after the budgets. The goals are memory that grows by
less than %d MiB, a p99 of others below the larger of %d times the calm one and %d ms, and
recovery within %.0f s.

`

// table formats the figures before and after in Markdown.
func table(all []shape, before, after record) string {
	var text strings.Builder
	fmt.Fprintf(&text, intro, runtime.NumCPU(), maxMemoryMiB, maxTimesCalm, latencyFloorMS,
		recoverWithin.Seconds())
	text.WriteString("| Shape | Memory growth, MiB | Others' p99, ms: calm, attacked " +
		"| Log lines a second | Recovery, s | Besides |\n" +
		"| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range all {
		was, recorded := before[s.name]
		is, measured := after[s.name]
		cell := func(of func(figures) string) string {
			old, current := "–", "–"
			if recorded {
				old = of(was)
			}
			if measured {
				current = of(is)
			}
			return old + " → " + current
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", s.title,
			cell(func(f figures) string { return fmt.Sprintf("%.0f", f.MemoryMiB) }),
			cell(func(f figures) string {
				return milliseconds(f.CalmMS) + ", " + milliseconds(f.AttackedMS)
			}),
			cell(func(f figures) string { return count(f.LinesPerSecond) }),
			cell(func(f figures) string { return seconds(f.RecoverySeconds) }),
			s.besides(was, is))
	}
	return text.String()
}

// besides describes what the other columns do not show, before and after, or is empty.
func (s shape) besides(was, is figures) string {
	old, current := was.also(), is.also()
	if s.throughput {
		old, current = was.throughput(), is.throughput()
	}
	switch {
	case old == "" && current == "":
		return ""
	case old == "":
		old = "–"
	case current == "":
		current = "–"
	}
	return old + " → " + current
}

// throughput describes the responses that the attackers read, or is empty without any.
func (f figures) throughput() string {
	if f.AnsweredPerSecond == 0 {
		return ""
	}
	return count(f.AnsweredPerSecond) + " responses a second"
}

// also describes what only some shapes show.
func (f figures) also() string {
	var parts []string
	if f.Ended != "" {
		parts = append(parts, "process ended ("+f.Ended+")")
	}
	if f.FailedPercent >= 0.1 {
		parts = append(parts, fmt.Sprintf("%.1f%% of the others failed", f.FailedPercent))
	}
	if f.LivezFailures > 0 {
		parts = append(parts, "/livez failed")
	}
	if f.Passed > 0 {
		parts = append(parts, fmt.Sprintf("%d sessions beyond the limit", f.Passed))
	}
	return strings.Join(parts, ", ")
}

func milliseconds(value float64) string {
	if value >= float64(patience.Milliseconds()) {
		return "none served"
	}
	return count(value)
}

// count formats a number with a fraction only where it matters.
func count(value float64) string {
	if value < 10 && value != float64(int64(value)) {
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.0f", value)
}

func seconds(value float64) string {
	if value == never {
		return "never"
	}
	return fmt.Sprintf("%.1f", value)
}
