package outage_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
	"github.com/offload/sessiond/ports/portstest"
)

func TestConformance(t *testing.T) {
	portstest.TestLimiter(t, func(t testing.TB) ports.LimiterStorage {
		return outage.New(outage.Parts{
			Shared: newMemory(t), Policy: ports.OutageDeny, Timeout: time.Minute, // reached by a hang alone
			Clock: system.NewClock(), Entropy: system.Entropy{}, Events: &heard{},
		})
	})
}

// details are what readiness says under each policy.
var details = map[ports.OutagePolicy]string{
	ports.OutageLocal: "the shared storage is out: this replica decides alone",
	ports.OutageDeny:  "the shared storage is out: nobody is given a session",
	ports.OutageAllow: "the shared storage is out: nobody is refused a session",
}

func TestAnOutageUnderEachPolicy(t *testing.T) {
	for _, policy := range ports.OutagePolicies() {
		for name, fault := range faults {
			t.Run(string(policy)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared := newServer(t)
					r := start(t, shared, policy)
					decision, err := r.askFor(t.Context(), 1)
					require.NoError(t, err)
					assert.Equal(t, limit-1, decision.At(0).Remaining)
					assert.Equal(t, ports.Condition{Name: "limiter", Ready: true}, r.Condition())

					shared.is(fault)
					assert.LessOrEqual(t, r.takes(t, 2), timeout)
					time.Sleep(3 * timeout) // long enough for the probes that one failure sends
					assert.Equal(t, ports.Condition{Name: "limiter", Ready: true,
						Detail: details[policy]}, r.Condition())
					for range 2 * limit {
						assert.Zero(t, r.takes(t, 3), "nobody waits")
					}
					decision, err = r.askFor(t.Context(), 3)
					switch policy {
					case ports.OutageLocal:
						require.NoError(t, err)
						assert.True(t, decision.Refused(), "by the same limits")
					case ports.OutageAllow:
						require.NoError(t, err)
						assert.False(t, decision.Decided())
					case ports.OutageDeny:
						require.ErrorAs(t, err, new(*outage.DeniedError))
					}
					assert.Equal(t, 1+2*limit+1, r.events.decisions)

					shared.is(well)
					time.Sleep(time.Second)
					assert.Equal(t, ports.Condition{Name: "limiter", Ready: true}, r.Condition())
					decision, err = r.askFor(t.Context(), 1)
					require.NoError(t, err)
					assert.Equal(t, limit-2, decision.At(0).Remaining,
						"what the shared storage knew counts again")

					told := r.events.told()
					require.Len(t, told, 2, "once each way")
					started, is := told[0].(ports.LimiterOutageStarted)
					require.True(t, is)
					assert.Equal(t, policy, started.Policy)
					if fault == failing {
						assert.Equal(t, errBroken, started.Cause)
					}
					assert.Error(t, started.Cause)
					assert.Equal(t, ports.LimiterOutageEnded{Policy: policy}, told[1])
				})
			})
		}
	}
}

func TestASingleFailureIsThePolicysAndNoOutage(t *testing.T) {
	for _, policy := range ports.OutagePolicies() {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := newServer(t)
				r := start(t, shared, policy)
				for range 20 {
					shared.is(once)
					decision, err := r.askFor(t.Context(), 1)
					if policy == ports.OutageDeny {
						require.ErrorIs(t, err, errBroken, "the operator sees the cause")
					} else {
						require.NoError(t, err)
						assert.Equal(t, policy == ports.OutageLocal, decision.Decided())
					}
					synctest.Wait() // for the probe that it sends
					for number := range 10 {
						_, err = r.askFor(t.Context(), 100+number)
						require.NoError(t, err)
					}
				}
				assert.Empty(t, r.events.told())
				assert.Equal(t, 20, r.events.decisions)
			})
		})
	}
}

func TestAfterAnOutageTheScalesAreEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageAllow)
		shared.is(failing)
		r.takes(t, 1)
		time.Sleep(time.Second)
		shared.is(well)
		time.Sleep(time.Second)
		require.Len(t, r.events.told(), 2)

		shared.is(once)
		r.takes(t, 1)
		synctest.Wait() // for the probe that it sends
		assert.Len(t, r.events.told(), 2, "one failure is no outage, after one as before")
	})
}

func TestOneInThreeIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := newReplica(t, shared, ports.OutageAllow, system.NewClock(), 1) // without a probe of its own
		for i := range 9 {
			assert.Empty(t, r.events.told())
			shared.is([]fault{well, well, failing}[i%3])
			r.takes(t, i)
		}
		assert.Len(t, r.events.told(), 1)
	})
}

func TestTheLocalStoragesErrorIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		shared.is(failing)
		r := newReplica(t, shared, ports.OutageLocal, system.NewClock(), 1)
		_, err := r.Decide(t.Context(), 0, throttle.NewChecks(throttle.Check{Limit: 101,
			Window: window}))
		require.Error(t, err)
		assert.NotErrorIs(t, err, errBroken)
	})
}

func TestCallersWhoGoAway(t *testing.T) {
	t.Run("before they ask are not asked for", func(t *testing.T) {
		shared := &portsmock.LimiterStorageMock{}
		r := newReplica(t, shared, ports.OutageAllow, system.NewClock(), 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.askFor(ctx, 1)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, shared.DecideCalls())
	})
	// impatient asks and goes away after a fifth of the timeout.
	impatient := func(t *testing.T, r *replica, number int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), timeout/5)
		defer cancel()
		before := time.Now()
		_, err := r.askFor(ctx, number)
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
			r := newReplica(t, shared, ports.OutageDeny, system.NewClock(), 1)
			for i := range 50 {
				impatient(t, r, i)
			}
			time.Sleep(timeout)
			synctest.Wait()
			assert.Empty(t, r.events.told())
			assert.Zero(t, r.events.decisions)
		})
	})
	t.Run("do not keep a hang from being found out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := newServer(t)
			r := start(t, shared, ports.OutageDeny)
			shared.is(hung)
			impatient(t, r, 1)
			time.Sleep(4 * timeout)
			assert.Len(t, r.events.told(), 1)
			shared.is(well)
			time.Sleep(time.Second)
			assert.Len(t, r.events.told(), 2)
		})
	})
}

func TestStart(t *testing.T) {
	t.Run("with the storage absent, no caller finds out", func(t *testing.T) {
		for name, fault := range faults {
			if fault == slow {
				continue // an answer within a second is one, at the start: the next test
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared := newServer(t)
					shared.is(fault)
					before := time.Now()
					r := start(t, shared, ports.OutageLocal)
					assert.LessOrEqual(t, time.Since(before), time.Second)
					assert.Len(t, r.events.told(), 1)
					assert.Zero(t, r.takes(t, 1))
					shared.is(well)
					time.Sleep(time.Second)
					assert.Len(t, r.events.told(), 2)
				})
			})
		}
	})
	t.Run("with a connection that takes longer than a decision is no outage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := newServer(t)
			shared.is(slow)
			r := start(t, shared, ports.OutageLocal)
			assert.Empty(t, r.events.told())
		})
	})
	t.Run("that is given up ends without a word", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared := newServer(t)
			shared.is(hung)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			r := newReplica(t, shared, ports.OutageLocal, system.NewClock(), 1)
			r.Start(ctx)
			r.Stop()
			assert.Empty(t, r.events.told())
		})
	})
}

func TestStop(t *testing.T) {
	for name, fault := range faults {
		t.Run("while the storage "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
				shared := newServer(t)
				shared.is(fault)
				r := newReplica(t, shared, ports.OutageLocal, system.NewClock(), 1)
				r.Start(t.Context())
				r.takes(t, 1)
				time.Sleep(10 * time.Second)
				r.Stop()
				shared.is(well) // lets go of what a deaf storage keeps
				calls := shared.calls.Load()
				time.Sleep(time.Minute)
				assert.Equal(t, calls, shared.calls.Load(), "nothing is asked any more")
				r.Stop()
			})
		})
	}
	t.Run("without a start", func(t *testing.T) {
		newReplica(t, newServer(t), ports.OutageLocal, system.NewClock(), 1).Stop()
	})
}

// TestNothingIsToldAfterTheEnd stops, and then the storage fails, as one does that is being closed: for asks that were under way, and for later ones.
func TestNothingIsToldAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		shared.is(hung)
		for number := range limit {
			go func() { _, _ = r.askFor(t.Context(), number) }()
		}
		synctest.Wait()
		r.Stop()
		shared.is(failing)
		for number := range 2 * limit {
			_, err := r.askFor(t.Context(), number)
			require.NoError(t, err, "this replica decides")
		}
		time.Sleep(2 * timeout)
		assert.Empty(t, r.events.told())
		assert.Empty(t, r.Condition().Detail)
	})
}
