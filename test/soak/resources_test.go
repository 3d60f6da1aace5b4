package soak_test

import (
	"bufio"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offload/sessiond/test/harness"
)

// The series that are sampled.
const (
	memory       = "process_resident_memory_bytes"
	goroutines   = "go_goroutines"
	descriptors  = "process_open_fds"
	localGrants  = `offload_limiter_outage_decisions_total{policy="local"}`
	droppedLines = "offload_log_lines_dropped_total"
)

// reading is what one process of a replica reported at an instant.
type reading struct {
	at      time.Time
	process *process
	series  map[string]float64
}

// readings samples the metrics of each replica every second.
type readings struct {
	stopped chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	of      [3][]reading
}

func startReadings(t testing.TB, w *world) *readings {
	t.Helper()
	r := &readings{stopped: make(chan struct{})}
	for i, replica := range w.replicas {
		r.running.Go(func() { r.sample(i, replica) })
	}
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop ends the sampling. It may be called more than once.
func (r *readings) stop(t testing.TB) {
	t.Helper()
	select {
	case <-r.stopped:
	default:
		close(r.stopped)
	}
	harness.Wait(t, "the last metrics are read", &r.running)
}

func (r *readings) sample(i int, replica *replica) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-r.stopped:
			return
		case <-tick.C:
		}
		one := reading{process: replica.process(), series: replica.metrics()}
		one.at = time.Now()
		if len(one.series) == 0 || one.process != replica.process() {
			continue // it is being restarted
		}
		r.mu.Lock()
		r.of[i] = append(r.of[i], one)
		r.mu.Unlock()
	}
}

// metrics returns the sampled series, or none if the replica does not answer.
func (r *replica) metrics() map[string]float64 {
	answer, err := operations.Get("http://" + r.ops + "/metrics")
	if err != nil {
		return nil
	}
	defer func() { _ = answer.Body.Close() }()
	series := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		for _, name := range []string{memory, goroutines, descriptors, localGrants, droppedLines} {
			if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
				series[name], _ = strconv.ParseFloat(text, 64)
			}
		}
	}
	if lines.Err() != nil {
		return nil
	}
	return series
}

// median returns the median of a series between two instants, of a replica.
func (r *readings) median(i int, name string, from, to time.Time) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var values []float64
	for _, one := range r.of[i] {
		if !one.at.Before(from) && one.at.Before(to) {
			values = append(values, one.series[name])
		}
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// locals returns, for each process that has decided by itself, when it did, to the second.
func (r *readings) locals() map[*process][]span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[*process][]span{}
	for _, all := range r.of {
		before := reading{}
		for _, one := range all {
			if one.process != before.process { // the first of the process
				before = reading{process: one.process, series: map[string]float64{}}
			}
			if one.series[localGrants] > before.series[localGrants] {
				found[one.process] = append(found[one.process], span{before.at, one.at})
			}
			before = one
		}
	}
	return found
}
