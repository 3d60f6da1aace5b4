package outage_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/ports"
)

// crowd has callers ask at once, and tells how long each waited.
func crowd(t *testing.T, r *replica, callers int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { took[i] = r.takes(t, 1000+i) })
	}
	group.Wait()
	return took
}

func TestACrowdAtAHang(t *testing.T) {
	for name, fault := range map[string]fault{"that looks at its context": hung,
		"that is deaf": deaf} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const callers = 64
				shared := newServer(t)
				r := start(t, shared, ports.OutageLocal)
				shared.is(fault)
				allowed := shared.calls.Load() + callers + 1 // the first failure sends a probe
				for _, took := range crowd(t, r, callers) {
					assert.Equal(t, timeout, took)
				}
				for range 10 {
					for _, took := range crowd(t, r, callers) {
						assert.Zero(t, took)
					}
				}
				assert.LessOrEqual(t, shared.calls.Load(), allowed,
					"the server was asked for the first crowd alone")

				shared.is(well)
				time.Sleep(time.Second)
				before, decided := shared.calls.Load(), r.events.decisions
				crowd(t, r, callers)
				assert.Equal(t, before+callers, shared.calls.Load(), "each asks once")
				assert.Equal(t, decided, r.events.decisions, "and all are shared")
				assert.Len(t, r.events.told(), 2)
			})
		})
	}
}

func TestOnceItIsFoundOutNobodyWaitsAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageAllow)
		shared.is(hung)
		var group sync.WaitGroup
		var early, late atomic.Int64
		for i := range 3 {
			group.Go(func() { early.Add(int64(r.takes(t, i))) })
		}
		time.Sleep(timeout - time.Millisecond)
		for i := range 50 {
			group.Go(func() { late.Add(int64(r.takes(t, i))) })
		}
		group.Wait()
		assert.Equal(t, 3*timeout, time.Duration(early.Load()))
		assert.Equal(t, 50*time.Millisecond, time.Duration(late.Load()), "a millisecond each")
	})
}

func TestWhoComesSeldomWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		shared.is(hung)
		assert.Equal(t, timeout, r.takes(t, 1))
		for i := range 10 {
			time.Sleep(time.Minute)
			assert.Zero(t, r.takes(t, i))
		}
	})
}

func TestTheProbesPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		shared.is(failing)
		r := start(t, shared, ports.OutageLocal)
		before := shared.calls.Load()
		time.Sleep(10 * time.Minute)
		probes := shared.calls.Load() - before
		assert.InDelta(t, 10*60/.375, probes, 50,
			"steady, and spread from a quarter of a second to half of one")
		assert.EqualValues(t, 1, shared.most.Load(), "one at a time")
		assert.Len(t, r.events.told(), 1)
	})
}

func TestProbesThatAreNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		shared.is(deaf)
		r.takes(t, 1)
		time.Sleep(time.Hour)
		assert.LessOrEqual(t, shared.underWay.Load(), int64(1+8),
			"the caller's ask and a few probes are all that is kept")
		shared.is(well)
		time.Sleep(time.Second)
		assert.Zero(t, shared.underWay.Load())
		assert.Len(t, r.events.told(), 2)
	})
}

// It is now well and now not, while callers ask all the time.
func TestAStorageThatFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newServer(t)
		r := start(t, shared, ports.OutageLocal)
		var group sync.WaitGroup
		stop, cancel := context.WithCancel(t.Context())
		for caller := range 16 {
			group.Go(func() {
				for i := 0; stop.Err() == nil; i++ {
					assert.LessOrEqual(t, r.takes(t, 100*caller+i%100), timeout)
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		for i := range 100 {
			shared.is([]fault{hung, well, failing, well, slow, well, deaf, well}[i%8])
			time.Sleep(time.Duration(i) * 11 * time.Millisecond)
		}
		shared.is(well)
		cancel()
		group.Wait()
		time.Sleep(time.Second)
		told := r.events.told()
		require.NotEmpty(t, told)
		assert.Zero(t, len(told)%2, "it ended as often as it started")
		for i, event := range told {
			if i%2 == 0 {
				assert.IsType(t, ports.LimiterOutageStarted{}, event)
			} else {
				assert.IsType(t, ports.LimiterOutageEnded{}, event)
			}
		}
	})
}
