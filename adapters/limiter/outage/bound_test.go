package outage_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// grants holds the instants of the grants of each subject, in order.
type grants struct {
	mu sync.Mutex
	of map[int][]throttle.Instant
}

func (g *grants) add(subject int, at throttle.Instant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of[subject] = append(g.of[subject], at)
}

// maxInWindow returns the most grants that any subject got in any window that starts at from or
// later.
func (g *grants) maxInWindow(from throttle.Instant) int {
	highest := 0
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
				highest = max(highest, i-first+1)
			}
		}
	}
	return highest
}

// TestGrantsStayWithinTheBound has two replicas share one server under load from greedy callers on
// few subjects, through outages of every kind.
func TestGrantsStayWithinTheBound(t *testing.T) {
	const replicas, callers, subjects = 2, 8, 3
	for _, c := range []struct {
		name     string
		loseData bool
		bound    int
	}{
		{"data kept, bound (R+1)·N", false, (replicas + 1) * limit},
		{"data lost, bound (R+2)·N", true, (replicas + 2) * limit},
	} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s, seed %d", c.name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					random := rand.New(rand.NewPCG(seed, 1))
					shared, clock := newServer(t), clock.New()
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
					// Outages lie more than a window apart, so that the bound for lost data applies
					// to each separately.
					for range 4 {
						time.Sleep(2*window + time.Duration(random.Int64N(int64(window))))
						shared.setFault([]fault{failing, hanging, stuck, slow}[random.IntN(4)])
						if c.loseData {
							shared.loseData(t)
						}
						time.Sleep(time.Duration(random.Int64N(int64(2 * window))))
						shared.setFault(healthy)
					}
					time.Sleep(time.Second) // until both have detected recovery
					recovered := clock.Instant()
					time.Sleep(3 * window)
					close(stop)
					wait(t, &group)
					for _, r := range all {
						r.Stop()
						assert.Len(t, r.events.stateChanges(), 8,
							"four outages, one start and one end each")
					}
					assert.LessOrEqual(t, given.maxInWindow(0), c.bound)
					assert.Greater(t, given.maxInWindow(0), limit,
						"the outages let more grants through than the limit")
					assert.Equal(t, limit, given.maxInWindow(recovered),
						"after recovery the limit is shared again")
				})
			})
		}
	}
}

// greedy makes decisions on a subject until stop is closed.
func greedy(t *testing.T, r *replica, subject int, pause time.Duration, given *grants,
	stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		decision, err := r.decide(t.Context(), subject)
		if !assert.NoError(t, err) {
			return
		}
		if !decision.Refused() {
			given.add(subject, r.clock.Instant())
		}
	}
}
