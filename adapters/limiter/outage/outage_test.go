package outage_test

import (
	"context"
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
	"github.com/offload/sessiond/ports/portstest"
)

func TestConformance(t *testing.T) {
	portstest.TestLimiter(t, func(t testing.TB) ports.LimiterStorage {
		return outage.New(outage.Parts{
			Shared: newMemory(t), Policy: ports.OutageDeny, Timeout: time.Hour,
			Clock: clock.New(), Entropy: entropy.Source{}, Events: &recorder{},
		})
	})
}

// details are the readiness details under each policy.
var details = map[ports.OutagePolicy]string{
	ports.OutageLocal: "the shared storage is out: this replica decides alone",
	ports.OutageDeny:  "the shared storage is out: no sessions are issued",
	ports.OutageAllow: "the shared storage is out: limits are not enforced",
}

func TestOutageUnderEachPolicy(t *testing.T) {
	for _, policy := range ports.OutagePolicies() {
		for name, fault := range faults {
			t.Run(policy.String()+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared := newServer(t)
					r := start(t, shared, policy)
					decision, err := r.decide(t.Context(), 1)
					require.NoError(t, err)
					assert.Equal(t, limit-1, decision.At(0).Remaining)
					assert.Equal(t, ports.Condition{Name: "limiter", Ready: true}, r.Condition())

					shared.setFault(fault)
					assert.LessOrEqual(t, r.timeToDecide(t, 2), timeout)
					time.Sleep(3 * timeout) // long enough for the probes that one failure triggers
					assert.Equal(t, ports.Condition{Name: "limiter", Ready: true,
						Detail: details[policy]}, r.Condition())
					for range 2 * limit {
						assert.Zero(t, r.timeToDecide(t, 3), "no caller waits")
					}
					decision, err = r.decide(t.Context(), 3)
					switch policy {
					case ports.OutageLocal:
						require.NoError(t, err)
						assert.True(t, decision.Refused(), "the local storage has the same limits")
					case ports.OutageAllow:
						require.NoError(t, err)
						assert.False(t, decision.Decided())
					case ports.OutageDeny:
						require.ErrorAs(t, err, new(*outage.DeniedError))
					}
					assert.Equal(t, 1+2*limit+1, r.events.decisions)

					shared.setFault(healthy)
					time.Sleep(time.Second)
					assert.Equal(t, ports.Condition{Name: "limiter", Ready: true}, r.Condition())
					decision, err = r.decide(t.Context(), 1)
					require.NoError(t, err)
					assert.Equal(t, limit-2, decision.At(0).Remaining,
						"the grants in the shared storage count again")

					changes := r.events.stateChanges()
					require.Len(t, changes, 2, "one start and one end")
					started, ok := changes[0].(ports.LimiterOutageStarted)
					require.True(t, ok)
					assert.Equal(t, policy, started.Policy)
					if fault == failing {
						assert.Equal(t, errBroken, started.Cause)
					}
					assert.Error(t, started.Cause)
					assert.Equal(t, ports.LimiterOutageEnded{Policy: policy}, changes[1])
				})
			})
		}
	}
}

func TestSingleFailureIsNoOutage(t *testing.T) {
	for _, policy := range ports.OutagePolicies() {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := newServer(t)
				r := start(t, shared, policy)
				for range 20 {
					shared.setFault(failOnce)
					decision, err := r.decide(t.Context(), 1)
					if policy == ports.OutageDeny {
						require.ErrorIs(t, err, errBroken, "the operator sees the cause")
					} else {
						require.NoError(t, err)
						assert.Equal(t, policy == ports.OutageLocal, decision.Decided())
					}
					synctest.Wait() // for the probe that the failure triggers
					for number := range 10 {
						_, err = r.decide(t.Context(), 100+number)
						require.NoError(t, err)
					}
				}
				assert.Empty(t, r.events.stateChanges())
				assert.Equal(t, 20, r.events.decisions)
			})
		})
	}
}

func TestFailuresAreClearedAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageAllow)
		shared.setFault(failing)
		r.timeToDecide(t, 1)
		time.Sleep(time.Second)
		shared.setFault(healthy)
		time.Sleep(time.Second)
		require.Len(t, r.events.stateChanges(), 2)

		shared.setFault(failOnce)
		r.timeToDecide(t, 1)
		synctest.Wait() // for the probe that the failure triggers
		assert.Len(t, r.events.stateChanges(), 2,
			"one failure is no outage, even after an earlier outage")
	})
}

func TestOneFailureInThreeIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		// The replica is not started, so that it sends no probes.
		r := newReplica(t, shared, ports.OutageAllow, clock.New(), 1)
		for i := range 9 {
			assert.Empty(t, r.events.stateChanges())
			shared.setFault([]fault{healthy, healthy, failing}[i%3])
			r.timeToDecide(t, i)
		}
		assert.Len(t, r.events.stateChanges(), 1)
	})
}

func TestReturnsTheLocalStoragesError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		shared.setFault(failing)
		r := newReplica(t, shared, ports.OutageLocal, clock.New(), 1)
		_, err := r.Decide(t.Context(), 0, throttle.NewChecks(throttle.Check{Limit: 101,
			Window: window}))
		require.Error(t, err)
		assert.NotErrorIs(t, err, errBroken)
	})
}

func TestCallersThatGoAway(t *testing.T) {
	t.Run("before the call cause no call", func(t *testing.T) {
		shared := &portsmock.LimiterStorageMock{}
		r := newReplica(t, shared, ports.OutageAllow, clock.New(), 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.decide(ctx, 1)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, shared.DecideCalls())
	})
	// impatient makes a decision and goes away after a fifth of the timeout.
	impatient := func(t *testing.T, r *replica, number int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), timeout/5)
		defer cancel()
		before := time.Now()
		_, err := r.decide(ctx, number)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, timeout/5, time.Since(before))
	}
	t.Run("are no failure of a storage that would have answered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := &portsmock.LimiterStorageMock{
				DecideFunc: func(ctx context.Context, _ throttle.Instant,
					_ throttle.Checks) (throttle.Decision, error) {
					select {
					case <-ctx.Done():
						return throttle.Decision{}, ctx.Err()
					case <-time.After(timeout / 2):
						return throttle.Decision{}, nil
					}
				},
			}
			r := newReplica(t, shared, ports.OutageDeny, clock.New(), 1)
			for i := range 50 {
				impatient(t, r, i)
			}
			time.Sleep(timeout)
			synctest.Wait()
			assert.Empty(t, r.events.stateChanges())
			assert.Zero(t, r.events.decisions)
		})
	})
	t.Run("do not prevent a hang from being detected", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := newServer(t)
			r := start(t, shared, ports.OutageDeny)
			shared.setFault(hanging)
			impatient(t, r, 1)
			time.Sleep(4 * timeout)
			assert.Len(t, r.events.stateChanges(), 1)
			shared.setFault(healthy)
			time.Sleep(time.Second)
			assert.Len(t, r.events.stateChanges(), 2)
		})
	})
}

func TestStartProbesOnce(t *testing.T) {
	t.Run("with the storage absent, no caller waits", func(t *testing.T) {
		for name, fault := range faults {
			if fault == slow {
				continue // at the start an answer within a second is in time: see the next subtest
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared := newServer(t)
					shared.setFault(fault)
					before := time.Now()
					r := start(t, shared, ports.OutageLocal)
					assert.LessOrEqual(t, time.Since(before), time.Second)
					assert.Len(t, r.events.stateChanges(), 1)
					assert.Zero(t, r.timeToDecide(t, 1))
					shared.setFault(healthy)
					time.Sleep(time.Second)
					assert.Len(t, r.events.stateChanges(), 2)
				})
			})
		}
	})
	t.Run("with a connection that takes longer than a decision is no outage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := newServer(t)
			shared.setFault(slow)
			r := start(t, shared, ports.OutageLocal)
			assert.Empty(t, r.events.stateChanges())
		})
	})
	t.Run("that is cancelled records nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := newServer(t)
			shared.setFault(hanging)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			r := newReplica(t, shared, ports.OutageLocal, clock.New(), 1)
			r.Start(ctx)
			r.Stop()
			assert.Empty(t, r.events.stateChanges())
		})
	})
}

func TestStopEndsTheProbes(t *testing.T) {
	for name, fault := range faults {
		t.Run("while the storage "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
				shared := newServer(t)
				shared.setFault(fault)
				r := newReplica(t, shared, ports.OutageLocal, clock.New(), 1)
				r.Start(t.Context())
				r.timeToDecide(t, 1)
				time.Sleep(10 * time.Second)
				r.Stop()
				shared.setFault(healthy) // releases the calls that a stuck storage holds
				calls := shared.calls.Load()
				time.Sleep(time.Minute)
				assert.Equal(t, calls, shared.calls.Load(), "the storage is not called any more")
				r.Stop()
			})
		})
	}
	t.Run("without a start", func(t *testing.T) {
		newReplica(t, newServer(t), ports.OutageLocal, clock.New(), 1).Stop()
	})
}

// TestRecordsNothingAfterStop lets the storage fail after Stop, as it does while it is being
// closed: neither calls in progress nor later ones start an outage.
func TestRecordsNothingAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		shared.setFault(hanging)
		for number := range limit {
			go func() { _, _ = r.decide(t.Context(), number) }()
		}
		synctest.Wait()
		r.Stop()
		shared.setFault(failing)
		for number := range 2 * limit {
			_, err := r.decide(t.Context(), number)
			require.NoError(t, err, "the local storage decides")
		}
		time.Sleep(2 * timeout)
		assert.Empty(t, r.events.stateChanges())
		assert.Empty(t, r.Condition().Detail)
	})
}
