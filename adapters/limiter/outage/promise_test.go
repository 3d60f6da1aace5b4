package outage_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// grants are when each subject was granted, in order.
type grants struct {
	mu sync.Mutex
	of map[int][]throttle.Instant
}

func (g *grants) add(subject int, at throttle.Instant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of[subject] = append(g.of[subject], at)
}

// most is the most grants that any subject had in any window from then on.
func (g *grants) most(from throttle.Instant) int {
	most := 0
	for _, instants := range g.of {
		first := 0
		for i, at := range instants {
			for instants[first].After(window) <= at || instants[first] < from {
				if first == i {
					break
				}
				first++
			}
			if at >= from {
				most = max(most, i-first+1)
			}
		}
	}
	return most
}

// TestThePromise has two replicas of one server under load from greedy callers on few subjects, through outages of every kind.
func TestThePromise(t *testing.T) {
	const replicas, callers, subjects = 2, 8, 3
	for _, c := range []struct {
		name    string
		forgets bool
		bound   int
	}{
		{"with its data kept: (R+1)·N", false, (replicas + 1) * limit},
		{"with its data lost: (R+2)·N", true, (replicas + 2) * limit},
	} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s, by seed %d", c.name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					drawn := rand.New(rand.NewPCG(seed, 1))
					shared, clock := newServer(t), system.NewClock()
					given := &grants{of: map[int][]throttle.Instant{}}
					var group sync.WaitGroup
					stop := make(chan struct{})
					var all []*replica
					for i := range replicas {
						r := newReplica(t, shared, ports.OutageLocal, clock, 100*seed+uint64(i))
						r.Start(t.Context())
						all = append(all, r)
						for caller := range callers {
							pause := time.Duration(100+100*caller) * time.Millisecond
							group.Go(func() { greedy(t, r, caller%subjects, pause, given, stop) })
						}
					}
					// Outages lie more than a window apart, so that each is one of its own for the bound where data are lost.
					for range 4 {
						time.Sleep(2*window + time.Duration(drawn.Int64N(int64(window))))
						shared.is([]fault{failing, hung, deaf, slow}[drawn.IntN(4)])
						if c.forgets {
							shared.forget(t)
						}
						time.Sleep(time.Duration(drawn.Int64N(int64(2 * window))))
						shared.is(well)
					}
					time.Sleep(time.Second) // until both have found recovery
					recovered := clock.Instant()
					time.Sleep(3 * window)
					close(stop)
					group.Wait()
					for _, r := range all {
						r.Stop()
						assert.Len(t, r.events.told(), 8, "four outages, once each way")
					}
					assert.LessOrEqual(t, given.most(0), c.bound)
					assert.Greater(t, given.most(0), limit,
						"without any outage there would be nothing to see")
					assert.Equal(t, limit, given.most(recovered),
						"from recovery on the limit is shared")
				})
			})
		}
	}
}

// greedy asks for a subject again and again.
func greedy(t *testing.T, r *replica, subject int, pause time.Duration, given *grants,
	stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		decision, err := r.askFor(t.Context(), subject)
		if !assert.NoError(t, err) {
			return
		}
		if !decision.Refused() {
			given.add(subject, r.clock.Instant())
		}
	}
}
