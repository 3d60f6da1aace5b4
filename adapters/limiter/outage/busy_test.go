package outage_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
)

// answersAfter returns a storage that answers after a time that does not depend on the context, as
// one does whose reply is not read for so long.
func answersAfter(delay time.Duration) *portsmock.LimiterStorageMock {
	return &portsmock.LimiterStorageMock{DecideFunc: func(_ context.Context, _ throttle.Instant,
		checks throttle.Checks) (throttle.Decision, error) {
		time.Sleep(delay)
		check := checks.At(0)
		return throttle.Decide(check.State(&throttle.Grants{}, 0)), nil
	}}
}

// busyReplica returns a replica whose process gets a turn on a processor only after the given time.
func busyReplica(t *testing.T, shared ports.LimiterStorage, policy ports.OutagePolicy,
	turn time.Duration) *replica {
	t.Helper()
	r := newReplica(t, shared, policy, clock.New(), 1)
	r.SetTurn(func() { time.Sleep(turn) })
	t.Cleanup(func() { time.Sleep(turn + time.Second) }) // until the last turn is over
	return r
}

// TestLateForWantOfCPUIsNoFailure checks decisions that are late because the process did not run.
func TestLateForWantOfCPUIsNoFailure(t *testing.T) {
	for _, policy := range ports.OutagePolicies() {
		t.Run(policy.String()+", within a second", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const late = 15 * timeout
				r := busyReplica(t, answersAfter(late), policy, timeout)
				for number := range 20 {
					before := time.Now()
					decision, err := r.decide(t.Context(), number)
					require.NoError(t, err)
					assert.True(t, decision.Decided(), "the shared storage decided")
					assert.Equal(t, late, time.Since(before))
				}
				assert.Zero(t, r.events.decisions, "no decision was made by the policy")
				assert.Empty(t, r.events.stateChanges())
			})
		})
		t.Run(policy.String()+", beyond a second", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := busyReplica(t, answersAfter(3*time.Second), policy, 5*timeout)
				var group sync.WaitGroup
				for number := range 20 {
					group.Go(func() {
						before := time.Now()
						_, err := r.decide(t.Context(), number)
						assert.ErrorIs(t, err, outage.ErrBusy)
						assert.Equal(t, time.Second, time.Since(before))
					})
				}
				wait(t, &group)
				time.Sleep(time.Minute)
				assert.Zero(t, r.events.decisions, "no decision was made by the policy")
				assert.Empty(t, r.events.stateChanges())
			})
		})
	}
}

// TestHangIsDetectedInBusyProcess checks that a storage that does not answer is out after a bounded
// time, however seldom the process gets its turn, and that callers wait for no longer than a
// second.
func TestHangIsDetectedInBusyProcess(t *testing.T) {
	for name, c := range map[string]struct{ turn, detected time.Duration }{
		"not busy":       {0, timeout},
		"busy":           {timeout, 21 * timeout},
		"without a turn": {time.Hour, timeout + outage.MaxLate},
	} {
		for storage, fault := range map[string]fault{"hangs": hanging,
			"hangs and ignores its context": stuck} {
			t.Run(name+", "+storage, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared := newServer(t)
					shared.setFault(fault)
					r := busyReplica(t, shared, ports.OutageDeny, c.turn)
					start := time.Now()
					var group sync.WaitGroup
					for number := range 3 {
						group.Go(func() {
							_, err := r.decide(t.Context(), number)
							assert.Error(t, err)
							assert.Equal(t, min(c.detected, time.Second), time.Since(start))
						})
					}
					wait(t, &group)
					if c.detected > time.Second { // the callers did not wait for it
						time.Sleep(c.detected - time.Since(start) - 1)
						synctest.Wait()
						assert.Empty(t, r.events.stateChanges())
						time.Sleep(1)
						synctest.Wait()
					}
					assert.Len(t, r.events.stateChanges(), 1)
					assert.Zero(t, r.timeToDecide(t, 1), "no caller waits any more")
					shared.setFault(healthy)
				})
			})
		}
	}
}

// TestBusyProcessorsCauseNoOutage runs on the real scheduler, with goroutines that keep every
// processor busy and a storage that is healthy: each decision takes a few turns of goroutines that
// wake each other, as over a connection, and no time besides. How fast the machine is does not
// matter: it decides how many decisions are late, and not who makes them.
func TestBusyProcessorsCauseNoOutage(t *testing.T) {
	healthy := &portsmock.LimiterStorageMock{DecideFunc: func(_ context.Context, _ throttle.Instant,
		checks throttle.Checks) (throttle.Decision, error) {
		for range 6 {
			woken := make(chan struct{})
			go func() {
				runtime.Gosched()
				close(woken)
			}()
			<-woken
		}
		check := checks.At(0)
		return throttle.Decide(check.State(&throttle.Grants{}, 0)), nil
	}}
	events := &recorder{}
	clock := clock.New()
	r := &replica{Storage: outage.New(outage.Parts{Shared: healthy, Policy: ports.OutageAllow,
		Timeout: 2 * time.Millisecond, Clock: clock, Entropy: entropy.Source{}, Events: events}),
		events: events, clock: clock}
	var over atomic.Bool
	var burning, deciding sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		burning.Go(func() {
			for n := 0; !over.Load(); n++ {
				if n%200_000 == 0 {
					runtime.Gosched() // as between two requests
				}
			}
		})
	}
	var shared, late atomic.Int64
	for caller := range 4 {
		deciding.Go(func() {
			for range 5 {
				decision, err := r.decide(context.Background(), caller)
				switch {
				case err != nil:
					assert.ErrorIs(t, err, outage.ErrBusy)
					late.Add(1)
				case assert.True(t, decision.Decided(), "the policy decided"):
					shared.Add(1)
				}
			}
		})
	}
	deciding.Wait()
	over.Store(true)
	burning.Wait()
	assert.EqualValues(t, 4*5, shared.Load()+late.Load())
	assert.Zero(t, events.decisions)
	assert.Empty(t, events.stateChanges())
	t.Logf("%d decisions were made, %d were late", shared.Load(), late.Load())
}
