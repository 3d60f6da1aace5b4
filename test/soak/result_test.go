package soak_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// result is what a run came to.
type result struct {
	began, ended time.Time
	loads        string // the load averages
	faults       []happened
	samples      []sample // by the time when they were due
	readings     *readings
	most         map[string]most // by flooded subject
	lines        int
	leaks        []string
}

func summarize(w *world, l *load, r *readings, all []happened) *result {
	samples := slices.Clone(l.samples)
	slices.SortFunc(samples, func(a, b sample) int { return a.due.Compare(b.due) })
	result := &result{began: l.began, ended: time.Now(), faults: all, samples: samples, readings: r,
		most: map[string]most{}}
	in := storages{moved: l.moved, locals: r.locals()}
	for subject, grants := range l.grants {
		slices.SortFunc(grants, func(a, b span) int { return a.sent.Compare(b.sent) })
		result.most[subject] = in.count(grants)
	}
	result.lines, result.leaks = w.logs.found()
	return result
}

// requireServed requires that no client saw what it should not see.
func (r *result) requireServed(t testing.TB) {
	t.Helper()
	violations := map[string]int{}
	seen := [kinds]int{}
	for _, s := range r.samples {
		seen[s.kind]++
		if s.verdict.violation != "" {
			if violations[s.verdict.violation]++; violations[s.verdict.violation] == 1 {
				t.Logf("%v: %s, after %v", s.due.Sub(r.began), s.verdict.violation, s.latency)
			}
		}
	}
	assert.Empty(t, violations, "what no client may see")
	for kind, count := range seen {
		assert.NotZero(t, count, "%s", kindNames[kind])
	}
}

// limits are the limits of the flooded subjects.
var limits = map[string]int{floodedAddress: perAddress, floodedInstall: perInstall}

// requirePromise requires that no flooded subject got more than the storages that decided may have
// granted, and that no more of them decided than the promise says.
func (r *result) requirePromise(t testing.TB) {
	t.Helper()
	for subject, limit := range limits {
		assert.NotEmpty(t, r.most[subject])
		for deciding, granted := range r.most[subject] {
			assert.LessOrEqual(t, granted, deciding*limit, "grants of %s by %d storages", subject,
				deciding)
		}
	}
}

// requireSilent requires that the logs hold nothing of a client.
func (r *result) requireSilent(t testing.TB) {
	t.Helper()
	assert.NotZero(t, r.lines)
	assert.Empty(t, r.leaks, "log lines that hold a token, an address or an install ID")
}

// compared is a series that must not grow from the second fifth of the run to the last: by a
// quarter, beyond an amount that does not matter.
type compared struct {
	name, series string
	unit, slack  float64
}

var comparisons = []compared{
	{"memory, in MiB", memory, 1 << 20, 8 << 20},
	{"goroutines", goroutines, 1, 24},
	{"descriptors", descriptors, 1, 24},
}

// fifths returns the medians of a series of a replica in the second and in the last fifth.
func (r *result) fifths(replica int, series string) (second, last float64) {
	at := func(of float64) time.Time { return r.began.Add(part(of)) }
	return r.readings.median(replica, series, at(0.2), at(0.4)),
		r.readings.median(replica, series, at(0.8), at(1))
}

func (r *result) requireFlat(t testing.TB) {
	t.Helper()
	for replica := range r.readings.of {
		for _, c := range comparisons {
			second, last := r.fifths(replica, c.series)
			assert.NotZero(t, second)
			assert.LessOrEqual(t, last, second*1.25+c.slack, "%s of replica %d", c.name, replica+1)
		}
	}
}

// percentile returns a percentile of the latencies of samples.
func percentile(percent int, samples []sample) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	all := make([]time.Duration, 0, len(samples))
	for _, s := range samples {
		all = append(all, s.latency)
	}
	slices.Sort(all)
	return all[(len(all)*percent-1)/100]
}

// between returns the samples that were due between two instants.
func (r *result) between(from, to time.Time) []sample {
	begin, _ := slices.BinarySearchFunc(r.samples, from, func(s sample, at time.Time) int {
		return s.due.Compare(at)
	})
	end, _ := slices.BinarySearchFunc(r.samples, to, func(s sample, at time.Time) int {
		return s.due.Compare(at)
	})
	return r.samples[begin:max(begin, end)]
}
