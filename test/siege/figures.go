package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"
)

// figures are what was measured of one shape.
type figures struct {
	// MemoryMiB is the growth of resident memory, from after the warm-up to the peak.
	MemoryMiB float64 `json:"memory_mib"`
	// CalmMS and AttackedMS are the 99th percentiles of the others.
	CalmMS     float64 `json:"calm_p99_ms"`
	AttackedMS float64 `json:"attacked_p99_ms"`
	// FailedPercent is the share of the others' requests that failed during the attack.
	FailedPercent float64 `json:"failed_percent"`
	// LinesPerSecond is what the service logged during the attack.
	LinesPerSecond float64 `json:"lines_per_second"`
	// RecoverySeconds counts from the end of the attack until the others are served as in calm and
	// the connections are released. It is never where that did not happen.
	RecoverySeconds float64 `json:"recovery_seconds"`
	// Connections is how many connections the attackers opened or tried to open, SentPerSecond how
	// many requests or frames they sent, AnsweredPerSecond how many responses they read.
	Connections       int64   `json:"connections"`
	SentPerSecond     float64 `json:"sent_per_second"`
	AnsweredPerSecond float64 `json:"answered_per_second"`
	// Passed is how many sessions one address got beyond its limit.
	Passed int64 `json:"passed"`
	// LivezFailures counts the requests for /livez that failed during the attack.
	LivezFailures int64 `json:"livez_failures"`
	// RigLateMS is the 99th percentile of the rig's own delays during the attack: where it is
	// large, the machine was busy with something else.
	RigLateMS float64 `json:"rig_late_p99_ms"`
	// Ended says how the process ended by itself, if it did.
	Ended string `json:"ended,omitempty"`
}

// rounded returns the figures without the digits that mean nothing.
func (f figures) rounded() figures {
	for _, value := range []*float64{&f.MemoryMiB, &f.CalmMS, &f.AttackedMS, &f.FailedPercent,
		&f.LinesPerSecond, &f.RecoverySeconds, &f.SentPerSecond, &f.AnsweredPerSecond,
		&f.RigLateMS} {
		*value = math.Round(*value*10) / 10
	}
	return f
}

// never stands for a recovery that did not happen in time.
const never = -1

func (f figures) String() string {
	text := fmt.Sprintf("%+.0f MiB; p99 %.1f ms calm, %.1f ms attacked, %.1f%% failed; "+
		"%.1f lines/s; recovery %s; rig late %.1f ms; "+
		"attackers: %d connections, %.0f sent/s, %.0f answered/s",
		f.MemoryMiB, f.CalmMS, f.AttackedMS, f.FailedPercent, f.LinesPerSecond,
		seconds(f.RecoverySeconds), f.RigLateMS, f.Connections, f.SentPerSecond,
		f.AnsweredPerSecond)
	if also := f.also(); also != "" {
		text += "; " + also
	}
	return text
}

// fault is a goal that was missed.
type fault struct {
	text string
	// timed means that the goal depends on what else the machine does.
	timed bool
}

func (f fault) String() string { return f.text }

// busyRig is from what delay of the rig itself, in milliseconds, the figures are about the machine.
const busyRig = 25

// again reports whether a shape that missed goals is measured again after so many tries: once where
// only timed goals are missed, twice where the machine kept the rig itself waiting.
func (f figures) again(missed []fault, tries int) bool {
	if f.RigLateMS >= busyRig {
		return len(missed) > 0 && tries < 3
	}
	return len(missed) > 0 && tries < 2 &&
		!slices.ContainsFunc(missed, func(one fault) bool { return !one.timed })
}

// The goals.
const (
	maxMemoryMiB   = 256
	maxTimesCalm   = 5
	latencyFloorMS = 100 // no latency below it misses the goal
	maxLines       = 50  // log lines a second; each event that callers cause is limited to ten
	recoverWithin  = 30 * time.Second
)

// faults returns the goals that the figures miss.
func (s shape) faults(f figures) (missed []fault) {
	miss := func(format string, values ...any) {
		missed = append(missed, fault{text: fmt.Sprintf(format, values...)})
	}
	slow := func(format string, values ...any) {
		missed = append(missed, fault{text: fmt.Sprintf(format, values...), timed: true})
	}
	if f.Ended != "" {
		miss("the process ended: %s", f.Ended)
	}
	// Without any attack, the other goals mean nothing.
	attacked := f.Connections > 0 && (f.SentPerSecond > 0 || s.floor == 0)
	if !attacked {
		miss("there was no attack")
	}
	if attacked && f.Connections < int64(s.attack.Connections) {
		slow("%d connections came of %d: the attack was too weak", f.Connections,
			s.attack.Connections)
	}
	if attacked && f.SentPerSecond < s.floor {
		slow("%.0f sent a second, below %.0f: the attack was too weak", f.SentPerSecond, s.floor)
	}
	if f.MemoryMiB >= maxMemoryMiB {
		miss("memory grew by %.0f MiB, the goal is below %d", f.MemoryMiB, maxMemoryMiB)
	}
	if f.RecoverySeconds == never {
		slow("no recovery within %v", recoverWithin)
	}
	if most := s.mostLines(); f.LinesPerSecond > most {
		miss("%.1f log lines a second, the goal is %.0f", f.LinesPerSecond, most)
	}
	if f.LivezFailures > 0 {
		miss("/livez failed %d times", f.LivezFailures)
	}
	if f.Passed > 0 {
		miss("%d sessions passed beyond the limit", f.Passed)
	}
	if bound := math.Max(maxTimesCalm*f.CalmMS, latencyFloorMS); f.AttackedMS >= bound {
		slow("p99 of others %.1f ms, the goal is below %.1f", f.AttackedMS, bound)
	}
	return missed
}

// mostLines returns the goal for log lines a second.
func (s shape) mostLines() float64 {
	if s.lines > 0 {
		return s.lines
	}
	return maxLines
}

// record holds figures by the names of shapes.
type record map[string]figures

func readRecord(file string) (record, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := record{}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// mergeInto writes the figures to a file and keeps those of other shapes that it has.
func (r record) mergeInto(file string) error {
	all, err := readRecord(file)
	if errors.Is(err, fs.ErrNotExist) {
		all = record{}
	} else if err != nil {
		return err
	}
	for name, f := range r {
		all[name] = f.rounded()
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
