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

	"github.com/offload/sessiond/test/marked"
)

// The timeout of replicas that are measured, which is the default, and how long the phases before
// and during the fault last.
const (
	defaultTimeout = 50 * time.Millisecond
	calmFor        = time.Second
	faultFor       = 2 * time.Second
)

// cell is what was measured of a fault under a policy.
type cell struct {
	calm, during time.Duration // the 99th percentiles of requests before and during the fault
	out          bool
	recovery     time.Duration // from the end of the fault to the end of the last outage
}

// BenchmarkFaults measures, for every fault that is not slow under each policy, how long clients
// waited during the fault and how long the replicas took to share decisions again after it. It
// asserts nothing. Where FAULTS_TABLE names a file, the figures replace the text between the marks
// in it.
func BenchmarkFaults(b *testing.B) {
	measured := map[string]map[string]cell{}
	for _, f := range faults {
		if f.slow {
			continue
		}
		measured[f.name] = map[string]cell{}
		for _, policy := range policies {
			b.Run(f.name+"/"+policy, func(b *testing.B) {
				for b.Loop() {
					got := measureCell(b, f, policy)
					measured[f.name][policy] = got
					b.ReportMetric(float64(got.calm.Microseconds())/1000, "ms-calm-p99")
					b.ReportMetric(float64(got.during)/float64(defaultTimeout), "timeouts-p99")
					b.ReportMetric(got.recovery.Seconds(), "s-to-sharing")
				}
			})
		}
	}
	if file := os.Getenv("FAULTS_TABLE"); file != "" && !b.Failed() {
		require.NoError(b, marked.Replace(file, "faults", table(measured)))
	}
}

// measureCell measures a cell. It measures again where clients had to wait before the fault, for
// then the machine was busy, and the figures would be about the machine.
func measureCell(b *testing.B, f fault, policy string) cell {
	const tries = 3
	got := measureOnce(b, f, policy)
	for try := 1; try < tries && got.calm > defaultTimeout/2; try++ {
		if again := measureOnce(b, f, policy); again.calm < got.calm {
			got = again
		}
	}
	return got
}

func measureOnce(b *testing.B, f fault, policy string) cell {
	w := newWorld(b, f, policy, defaultTimeout)
	w.load.await(b, "the hot subjects are spent", hotSubjectsSpent)
	calm := time.Now()
	<-time.After(calmFor)
	broken := time.Now()
	f.inject(b, w)
	<-time.After(faultFor)
	healing := time.Now()
	f.heal(b, w)
	healed := time.Now()
	w.awaitOutage(b)
	w.settle(b)
	w.load.stop(b)
	w.ready.stop(b)

	got, counted := cell{}, w.load.soFar()
	got.calm = counted.percentile(99, calm, broken)
	got.during = counted.percentile(99, broken, healing)
	for _, r := range w.replicas {
		for _, line := range r.Log.Of("limiter_outage_ended") {
			at, err := time.Parse(time.RFC3339Nano, line.String("time"))
			require.NoError(b, err)
			got.out, got.recovery = true, max(got.recovery, at.Sub(healed))
		}
	}
	return got
}

// percentile returns a percentile of the durations of the requests that began between two instants.
func (t *tally) percentile(percent int, from, to time.Time) time.Duration {
	var all []time.Duration
	for _, one := range t.requests {
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

// table formats the figures in Markdown.
func table(measured map[string]map[string]cell) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Measured with two replicas, %d clients and %.0f requests a second, "+
		"everything on one machine with\n%d processors; `OFFLOAD_REDIS_TIMEOUT_MS` is %d. "+
		"The goals are a p99 below twice the timeout, and\nshared decisions within 3 s after the "+
		"fault; where clients keep every processor busy, that every\ndecision is shared.\n\n",
		clients, float64(time.Second)/float64(pace), runtime.NumCPU(),
		defaultTimeout.Milliseconds())
	text.WriteString(
		"| Fault | p99 during it, in timeouts: local, deny, allow | p99 before it, in timeouts | " +
			"Recovery, in seconds: local, deny, allow |\n|---|---|---|---|\n")
	for _, f := range faults {
		if f.slow {
			continue
		}
		var during, recovery []string
		var calm time.Duration
		for _, policy := range policies {
			got, found := measured[f.name][policy]
			if !found {
				continue
			}
			calm = max(calm, got.calm)
			during = append(during, timeouts(got.during))
			if got.out {
				recovery = append(recovery,
					fmt.Sprintf("%.1f", math.Max(0, got.recovery.Seconds())))
			} else {
				recovery = append(recovery, "never out")
			}
		}
		if len(slices.Compact(slices.Clone(recovery))) == 1 && recovery[0] == "never out" {
			recovery = recovery[:1]
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", f.name, strings.Join(during, ", "),
			timeouts(calm), strings.Join(recovery, ", "))
	}
	return text.String()
}

func timeouts(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(defaultTimeout))
}
