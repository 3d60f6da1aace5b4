package outage_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
)

// answersAfter returns a storage that answers after a delay, whatever its context, like a storage
// whose reply is not read earlier.
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

// TestLateForWantOfCPUIsNoFailure checks that decisions that are late because the process did not
// run are neither failures nor made by the policy.
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

// TestPolicyDecidesAfterALongTimeout checks that callers wait until the policy decides if the
// storage hangs, although many turns, each a little late, make a long timeout end later.
func TestPolicyDecidesAfterALongTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long, late = 10 * time.Second, 20 * time.Millisecond
		shared := newServer(t)
		shared.setFault(hanging)
		r := newReplicaWithin(t, shared, ports.OutageAllow, clock.New(), 1, long)
		r.SetTurn(func() { time.Sleep(late) })
		defer time.Sleep(time.Minute) // until the last turn is over
		before := time.Now()
		decision, err := r.decide(t.Context(), 1)
		require.NoError(t, err)
		assert.False(t, decision.Decided(), "the policy decided")
		assert.Equal(t, long+long/50/time.Millisecond*late, time.Since(before))
		shared.setFault(healthy)
	})
}

// TestHangIsDetectedInBusyProcess checks that a storage that does not answer counts as out after a
// bounded time, however seldom the process gets its turn, and that callers wait for at most a
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
						time.Sleep(time.Nanosecond)
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
