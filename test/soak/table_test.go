package soak_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// aftermath is how long what clients see counts as the effect of a fault that is over, until the
// next one begins.
const aftermath = 5 * time.Second

// text returns the tables in Markdown.
func (r *result) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%v minutes at %d requests a second, everything on one machine with %d "+
		"processors. The load\naverage was %s. 99%% of the requests were\nsent within %s ms of "+
		"when they were due, from which latency counts, in ms.\n`OFFLOAD_REDIS_TIMEOUT_MS` was "+
		"%s.\n\n", part(1).Minutes(), *rate, runtime.NumCPU(), r.loads,
		milliseconds(r.lateness()), storageTimeout)
	r.writeFaults(&text)
	r.writeKinds(&text)
	r.writeResources(&text)
	r.writePromise(&text)
	fmt.Fprintf(&text, "\n%d log lines were read; %d of them hold a token, an address or an "+
		"install ID.\n", r.lines, len(r.leaks))
	return text.String()
}

func (r *result) writeFaults(text *strings.Builder) {
	text.WriteString("| | At | Fault | Seconds | p99 | Errors that clients saw |\n" +
		"| --- | --- | --- | --- | --- | --- |\n")
	for i, f := range r.faults {
		end := f.done.Add(aftermath)
		if next := i + 1; next < len(r.faults) && r.faults[next].sent.Before(end) {
			end = r.faults[next].sent
		}
		during := r.between(f.sent, end)
		fmt.Fprintf(text, "| %d | %s | %s | %.1f | %s | %s |\n", i+1, clock(f.sent.Sub(r.began)),
			f.name, f.done.Sub(f.sent).Seconds(), milliseconds(percentile(99, during)),
			seen(during))
	}
	calm := append(slices.Clone(r.between(r.began.Add(part(0.2)), r.began.Add(part(0.4)))),
		r.between(r.began.Add(part(0.8)), r.began.Add(part(1)))...)
	fmt.Fprintf(text, "| | | none: the second and the last fifth | | %s | %s |\n\n",
		milliseconds(percentile(99, calm)), seen(calm))
}

func (r *result) writeKinds(text *strings.Builder) {
	text.WriteString("| Requests | Sent | p50 | p99 | Errors that clients saw |\n" +
		"| --- | --- | --- | --- | --- |\n")
	for n := range kinds {
		of := slices.Clone(r.samples)
		of = slices.DeleteFunc(of, func(s sample) bool { return s.kind != kind(n) })
		fmt.Fprintf(text, "| %s | %d | %s | %s | %s |\n", kindNames[n], len(of),
			milliseconds(percentile(50, of)), milliseconds(percentile(99, of)), seen(of))
	}
	text.WriteString("\n")
}

func (r *result) writeResources(text *strings.Builder) {
	text.WriteString("| Median in the second and in the last fifth |")
	for replica := range r.readings.of {
		fmt.Fprintf(text, " Replica %d |", replica+1)
	}
	text.WriteString("\n| --- | --- | --- | --- |\n")
	for _, c := range comparisons {
		fmt.Fprintf(text, "| %s |", c.name)
		for replica := range r.readings.of {
			second, last := r.fifths(replica, c.series)
			fmt.Fprintf(text, " %.0f, %.0f |", second/c.unit, last/c.unit)
		}
		text.WriteString("\n")
	}
	text.WriteString("\n")
}

func (r *result) writePromise(text *strings.Builder) {
	text.WriteString("| Most grants in any minute | Limit | One storage decided | " +
		"Several did: grants, and what they allow |\n| --- | --- | --- | --- |\n")
	for _, one := range []struct{ name, subject string }{
		{"the flooding address", floodedAddress}, {"the flooding installation", floodedInstall},
	} {
		most, limit := r.most[one.subject], limits[one.subject]
		var several []string
		for _, deciding := range slices.Sorted(maps.Keys(most)) {
			if deciding > 1 {
				several = append(several, fmt.Sprintf("%d storages: %d of %d", deciding,
					most[deciding], deciding*limit))
			}
		}
		fmt.Fprintf(text, "| %s | %d | %d | %s |\n", one.name, limit, most[1],
			strings.Join(several, "; "))
	}
}

// seen lists the errors that clients saw, with how often.
func seen(samples []sample) string {
	counts := map[string]int{}
	for _, s := range samples {
		if s.verdict != (verdict{}) {
			counts[s.verdict.violation+s.verdict.excuse]++
		}
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × %s", counts[what], what))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "; ")
}

// lateness returns the 99th percentile of how late the load was sent.
func (r *result) lateness() time.Duration {
	all := make([]time.Duration, 0, len(r.samples))
	for _, s := range r.samples {
		all = append(all, s.late)
	}
	slices.Sort(all)
	return all[(len(all)*99-1)/100]
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
	}
	return fmt.Sprint(d.Milliseconds())
}

func clock(d time.Duration) string {
	seconds := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
