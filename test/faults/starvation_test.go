package faults_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestLongStarvation leaves the replicas no CPU while the storage works: clients keep every
// processor busy, and now and then the replicas are stopped for longer than the timeout, with
// decisions under way. No decision is made by the policy. The test is not parallel, because it
// leaves no CPU to others.
//
// Whenever the replicas run, the storage has to answer within the timeout. On a machine with other
// work it may not. So the replicas and the rush have a low priority, and the test measures all the
// time how long the storage takes. If that was too long, it begins again with a longer timeout.
func TestLongStarvation(t *testing.T) {
	for _, f := range faults {
		if !f.starves {
			continue
		}
		for _, policy := range policies {
			t.Run(policy, func(t *testing.T) {
				done := false
				for timeout := starvedTimeout; !done && !t.Failed(); timeout *= 10 {
					timeout = min(timeout, testTimeout)
					t.Run(timeout.String(), func(t *testing.T) {
						done = testStarvation(t, newWorld(t, f, policy, timeout))
					})
				}
			})
		}
	}
}

// The timeout with which the test begins; how many answers the rush lasts before the replicas are
// stopped, how often they are, and for how much longer than the timeout.
const (
	starvedTimeout = time.Second
	rushAnswers    = 1000
	stops          = 3
	stoppedBeyond  = 500 * time.Millisecond
)

// testStarvation runs the test once. It returns false, without having checked everything, if the
// storage itself was too slow for the timeout.
func testStarvation(t *testing.T, w *world) (conclusive bool) {
	w.load.await(t, "the hot subjects are spent", hotSubjectsSpent)
	pings := startPinging(t, w.server)
	w.fault.inject(t, w)
	w.load.more(t, rushAnswers)
	for range stops {
		for _, r := range w.replicas {
			r.Hang(t)
		}
		time.Sleep(w.timeout + stoppedBeyond)
		for _, r := range w.replicas {
			r.Resume(t)
		}
		w.load.more(t, phaseAnswers)
	}
	w.fault.heal(t, w)
	w.load.more(t, phaseAnswers)
	w.load.stop(t)
	w.ready.stop(t)
	longest := pings.stop(t)

	counted := w.load.soFar()
	require.Empty(t, counted.violations, "answers that violate the contract")
	assert.Empty(t, w.ready.failures, "failed readiness checks")
	t.Logf("%d answers, the slowest in %v; %v decisions later than %v; the storage answered within "+
		"%v; causes: %v", counted.answers, counted.slowest().Round(time.Millisecond),
		w.lateDecisions(t), defaultTimeout, longest.Round(time.Millisecond), w.causes())
	byPolicy := w.policyDecisions(t)
	if byPolicy != [2]int{} && longest > w.timeout/2 && w.timeout < testTimeout {
		return false
	}
	assert.Equal(t, [2]int{}, byPolicy, "decisions of the policy")
	w.requireBounded(t, &counted)
	w.requireReported(t, &counted)
	w.requireNoSecrets(t, &counted)
	return true
}

// lateDecisions returns how many decisions took longer than the default timeout.
func (w *world) lateDecisions(t testing.TB) (late int) {
	t.Helper()
	const series = "offload_limiter_decision_duration_seconds"
	for _, r := range w.replicas {
		all := r.metrics(t)
		require.Contains(t, all, series+`_bucket{storage="redis",le="0.05"}`)
		late += int(all[series+`_count{storage="redis"}`] -
			all[series+`_bucket{storage="redis",le="0.05"}`])
	}
	return late
}

// pinger sends a server one PING after another, on a connection of its own.
type pinger struct {
	cancel context.CancelFunc
	ended  chan struct{}
	// longest is the longest time that an answer took, and err why the last PING failed. They may
	// be read once ended is closed.
	longest time.Duration
	err     error
}

func startPinging(t testing.TB, server *redisserver.Server) *pinger {
	t.Helper()
	client := server.Client(t)
	ctx, cancel := context.WithCancel(context.Background())
	a := &pinger{cancel: cancel, ended: make(chan struct{})}
	t.Cleanup(cancel)
	go func() {
		defer close(a.ended)
		const pause = 5 * time.Millisecond
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for ctx.Err() == nil {
			began := time.Now()
			if a.err = client.Do(context.Background(), client.B().Ping().Build()).Error(); a.err != nil {
				return
			}
			a.longest = max(a.longest, time.Since(began))
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	}()
	return a
}

// stop returns the longest that an answer took.
func (a *pinger) stop(t testing.TB) time.Duration {
	t.Helper()
	a.cancel()
	harness.Receive(t, "the server has answered", a.ended)
	require.NoError(t, a.err)
	return a.longest
}
