package outage_test

import (
	"context"
	"errors"
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

// decideAtOnce has callers make decisions at the same time, and returns how long each waited.
func decideAtOnce(t *testing.T, r *replica, callers int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { took[i] = r.timeToDecide(t, 1000+i) })
	}
	wait(t, &group)
	return took
}

func TestOnlyTheFirstCallersWaitForAHang(t *testing.T) {
	for name, fault := range map[string]fault{"context observed": hanging,
		"context ignored": stuck} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const callers = 64
				shared := newServer(t)
				r := start(t, shared, ports.OutageLocal)
				shared.setFault(fault)
				allowed := shared.calls.Load() + callers + 1 // the first failure triggers a probe
				for _, took := range decideAtOnce(t, r, callers) {
					assert.Equal(t, timeout, took)
				}
				for range 10 {
					for _, took := range decideAtOnce(t, r, callers) {
						assert.Zero(t, took)
					}
				}
				assert.LessOrEqual(t, shared.calls.Load(), allowed,
					"the server was called only for the first callers")

				shared.setFault(healthy)
				time.Sleep(time.Second)
				before, decided := shared.calls.Load(), r.events.decisions
				decideAtOnce(t, r, callers)
				assert.Equal(t, before+callers, shared.calls.Load(),
					"each caller calls the server once")
				assert.Equal(t, decided, r.events.decisions, "all decisions are shared")
				assert.Len(t, r.events.stateChanges(), 2)
			})
		})
	}
}

func TestCallersStopWaitingOnceTheOutageIsDetected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageAllow)
		shared.setFault(hanging)
		var group sync.WaitGroup
		var early, late atomic.Int64
		for i := range 3 {
			group.Go(func() { early.Add(int64(r.timeToDecide(t, i))) })
		}
		time.Sleep(timeout - time.Millisecond)
		for i := range 50 {
			group.Go(func() { late.Add(int64(r.timeToDecide(t, i))) })
		}
		wait(t, &group)
		assert.Equal(t, 3*timeout, time.Duration(early.Load()))
		assert.Equal(t, 50*time.Millisecond, time.Duration(late.Load()),
			"the late callers wait a millisecond each")
	})
}

func TestOneCallerWaitsIfCallsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		shared.setFault(hanging)
		assert.Equal(t, timeout, r.timeToDecide(t, 1))
		for i := range 10 {
			time.Sleep(time.Minute)
			assert.Zero(t, r.timeToDecide(t, i))
		}
	})
}

func TestProbesAtASteadyPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		shared.setFault(failing)
		r := start(t, shared, ports.OutageLocal)
		before := shared.calls.Load()
		time.Sleep(10 * time.Minute)
		probes := shared.calls.Load() - before
		assert.InDelta(t, 10*60/.375, probes, 50,
			"the pauses are between a quarter and half of a second")
		assert.EqualValues(t, 1, shared.maxInProgress.Load(), "one probe at a time")
		assert.Len(t, r.events.stateChanges(), 1)
	})
}

func TestBoundsProbesThatAreNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		shared.setFault(stuck)
		r.timeToDecide(t, 1)
		time.Sleep(time.Hour)
		assert.LessOrEqual(t, shared.inProgress.Load(), int64(1+8),
			"only the caller's call and a few probes stay in progress")
		shared.setFault(healthy)
		time.Sleep(time.Second)
		assert.Zero(t, shared.inProgress.Load())
		assert.Len(t, r.events.stateChanges(), 2)
	})
}

// TestOutagesOfAFlappingStorageAlternate alternates between healthy and failing while callers make
// decisions all the time: starts and ends of outages alternate, and no caller waits long.
func TestOutagesOfAFlappingStorageAlternate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		var group sync.WaitGroup
		stop, cancel := context.WithCancel(t.Context())
		for caller := range 16 {
			group.Go(func() {
				for i := 0; stop.Err() == nil; i++ {
					assert.LessOrEqual(t, r.timeToDecide(t, 100*caller+i%100), timeout)
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		sequence := []fault{hanging, healthy, failing, healthy, slow, healthy, stuck, healthy}
		for i := range 100 {
			shared.setFault(sequence[i%len(sequence)])
			time.Sleep(time.Duration(i) * 11 * time.Millisecond)
		}
		shared.setFault(healthy)
		cancel()
		wait(t, &group)
		time.Sleep(time.Second)
		changes := r.events.stateChanges()
		require.NotEmpty(t, changes)
		assert.Zero(t, len(changes)%2, "outages end as often as they start")
		for i, event := range changes {
			if i%2 == 0 {
				assert.IsType(t, ports.LimiterOutageStarted{}, event)
			} else {
				assert.IsType(t, ports.LimiterOutageEnded{}, event)
			}
		}
	})
}

// TestEachCallerLearnsWhyItsCallFailed checks that the cause of a failed call reaches the caller
// also for the failure that begins the outage.
func TestEachCallerLearnsWhyItsCallFailed(t *testing.T) {
	cause := errors.New("storage unavailable")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 100 {
		s := outage.New(outage.Parts{
			Shared: &portsmock.LimiterStorageMock{DecideFunc: func(context.Context, throttle.Instant,
				throttle.Checks) (throttle.Decision, error) {
				return throttle.Decision{}, cause
			}},
			Policy: ports.OutageDeny, Timeout: time.Hour, Clock: clock.New(),
			Entropy: entropy.Source{}, Events: &recorder{},
		})
		for range 4 {
			_, err := s.Decide(ctx, 0, throttle.TrialChecks(entropy.Source{}.Fraction))
			require.ErrorIs(t, err, cause)
		}
	}
}
