package faults_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is measured: replicas with the timeout that they have unless it is set, so long in calm and
// so long in the fault.
const (
	presetTimeout = 50 * time.Millisecond
	calmFor       = 2 * time.Second
	faultFor      = 3 * time.Second
)

// cell is what was measured of a fault under a policy.
type cell struct {
	calm, during time.Duration // the 99th percentiles of requests
	out          bool
	back         time.Duration // from the mending to the last replica's first shared decision
}

// BenchmarkFaults measures, for every fault under each policy, how long clients waited while it
// lasted and how long replicas took to share again after it. It asserts nothing. Where FAULTS_TABLE
// names a file, the figures take the place of what stands between its marks.
func BenchmarkFaults(b *testing.B) {
	measured := map[string]map[string]cell{}
	for _, f := range faults {
		measured[f.name] = map[string]cell{}
		for _, policy := range []string{local, deny, allow} {
			b.Run(f.name+"/"+policy, func(b *testing.B) {
				for b.Loop() {
					got := measureCell(b, f, policy)
					measured[f.name][policy] = got
					b.ReportMetric(float64(got.calm.Microseconds())/1000, "ms-calm-p99")
					b.ReportMetric(float64(got.during)/float64(presetTimeout), "timeouts-p99")
					b.ReportMetric(got.back.Seconds(), "s-to-sharing")
				}
			})
		}
	}
	if file := os.Getenv("FAULTS_TABLE"); file != "" && !b.Failed() {
		require.NoError(b, publish(file, table(measured)))
	}
}

// measureCell measures a cell, and anew where the machine had so much else to do that clients
// waited in calm: what they wait for in the fault would tell of the machine.
func measureCell(b *testing.B, f fault, policy string) cell {
	const tries = 3
	got := measureOnce(b, f, policy)
	for try := 1; try < tries && got.calm > presetTimeout/2; try++ {
		if again := measureOnce(b, f, policy); again.calm < got.calm {
			got = again
		}
	}
	return got
}

func measureOnce(b *testing.B, f fault, policy string) cell {
	w := newWorld(b, f, policy, presetTimeout)
	w.load.await(b, "the hot subjects are spent", hotOnesAreSpent)
	calm := time.Now()
	<-time.After(calmFor)
	broken := time.Now()
	f.breaks(b, w.store, presetTimeout)
	<-time.After(faultFor)
	mending := time.Now()
	f.mends(b, w.store)
	mended := time.Now()
	w.awaitOutage(b)
	w.settle(b)
	w.load.stop()
	w.ready.stop()

	got, so := cell{}, w.load.soFar()
	got.calm, got.during = so.percentile(99, calm, broken), so.percentile(99, broken, mending)
	for _, r := range w.replicas {
		for _, line := range r.Log.Of("limiter_outage_ended") {
			at, err := time.Parse(time.RFC3339Nano, line.String("time"))
			require.NoError(b, err)
			got.out, got.back = true, max(got.back, at.Sub(mended))
		}
	}
	return got
}

// percentile is that of the requests that began between two instants.
func (t *tally) percentile(percent int, from, to time.Time) time.Duration {
	var all []time.Duration
	for _, one := range t.took {
		if !one.began.Before(from) && one.began.Before(to) {
			all = append(all, one.took)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)*percent-1)/100]
}

// table shows the figures in Markdown.
func table(measured map[string]map[string]cell) string {
	var text strings.Builder
	fmt.Fprintf(&text,
		"Measured with two replicas, %d clients and %.0f requests a second, the servers and all else on one machine with %d processors; "+
			"`OFFLOAD_REDIS_TIMEOUT_MS` is %d. The goals are a p99 below twice the timeout, and sharing within 3 s.\n\n",
		clients, float64(time.Second)/float64(pace), runtime.NumCPU(), presetTimeout.Milliseconds())
	text.WriteString(
		"| fault | p99 meanwhile, in timeouts: local, deny, allow | p99 in calm, in timeouts | shares again after, in seconds: local, deny, allow |\n" +
			"|---|---|---|---|\n")
	for _, f := range faults {
		var during, back []string
		var calm time.Duration
		for _, policy := range []string{local, deny, allow} {
			of, is := measured[f.name][policy]
			if !is {
				continue
			}
			calm = max(calm, of.calm)
			during = append(during, timeouts(of.during))
			if of.out {
				back = append(back, fmt.Sprintf("%.1f", math.Max(0, of.back.Seconds())))
			} else {
				back = append(back, "never out")
			}
		}
		if len(slices.Compact(slices.Clone(back))) == 1 && back[0] == "never out" {
			back = back[:1]
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", f.name, strings.Join(during, ", "),
			timeouts(calm), strings.Join(back, ", "))
	}
	return text.String()
}

func timeouts(d time.Duration) string {
	return fmt.Sprintf("%.2f",
		float64(d)/float64(presetTimeout))
}

// The marks between which the figures stand.
const (
	beginMark = "<!-- faults:begin -->\n"
	endMark   = "<!-- faults:end -->\n"
)

// publish puts the figures into a file.
func publish(file, figures string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(page), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return fmt.Errorf("%s has no marks for the figures", file)
	}
	return os.WriteFile(file, []byte(before+beginMark+figures+endMark+after), 0o644)
}
