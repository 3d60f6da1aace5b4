package redis

import (
	"context"
	"slices"
	"sync"

	"github.com/redis/rueidis"
)

// Decisions that wait at the same time share a call of the script. If fewer than callsAtOnce calls
// are under way, a decision is sent at once, alone; otherwise decisions gather, and the next call
// makes them all. So no decision waits only to share a call, and the more callers there are, the
// less each decision costs.
//
// The callers of a call share its error. Each caller has a deadline of its own and leaves when it
// has passed. A call that all callers have left makes room for another at once, even if rueidis
// does not return, so that a server that hangs does not hold up later callers.
const (
	// callsAtOnce is two so that the server works on one while the replies of the other are read.
	callsAtOnce = 2
	// largestCall bounds the decisions of a call, and so how long the server does nothing else.
	largestCall = 32
)

// calls holds the decisions that wait for a call, and counts the calls under way.
type calls struct {
	mu      sync.Mutex
	waiting []*waiting
	busy    int // calls that a caller waits for
	running int // calls that rueidis has not returned from

	// unused holds *waiting. Each takes 0.8 kB with its channel, two fifths of the garbage of a
	// decision; reusing them saves a tenth of the CPU that a decision takes here (BenchmarkDecide).
	unused sync.Pool
}

// waiting is a decision that a caller waits for.
type waiting struct {
	ctx     context.Context // has a deadline
	storage *Storage
	request request
	call    *call // nil before the decision is sent; guarded by calls.mu

	decided chan struct{} // receives once request.found or err is set
	err     error
}

// call is one call of the script.
type call struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	of      []*waiting
	callers int // callers that have not left, -1 once the call has ended; guarded by calls.mu
}

// prepare returns an empty decision, which the caller fills in and enters.
func (q *calls) prepare() *waiting {
	if unused, ok := q.unused.Get().(*waiting); ok {
		return unused
	}
	return &waiting{decided: make(chan struct{}, 1)}
}

// reuse makes a decision available to prepare. The decision must have been made, so that nothing
// else refers to it.
func (q *calls) reuse(w *waiting) {
	*w = waiting{decided: w.decided}
	q.unused.Put(w)
}

// enter starts a decision. The caller must receive from decided, or call leave.
func (q *calls) enter(w *waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, w)
	q.start()
}

// leave ends the wait for a decision, whose context is over.
func (q *calls) leave(w *waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.call == nil {
		q.waiting = slices.DeleteFunc(q.waiting, func(other *waiting) bool { return other == w })
		return
	}
	w.call.callers--
	if w.call.callers == 0 {
		w.call.cancel(w.ctx.Err())
		q.busy--
		q.start()
	}
}

// start starts calls for the decisions that wait, within the bounds. mu must be held.
func (q *calls) start() {
	for len(q.waiting) > 0 && q.busy < callsAtOnce && q.running < maxWaiting {
		q.busy++
		q.running++
		go q.run(q.next())
	}
}

// next returns a call for the decisions that have waited longest. mu must be held.
func (q *calls) next() *call {
	storage, n := q.waiting[0].storage, 0
	for n < min(len(q.waiting), largestCall) && q.waiting[n].storage == storage {
		n++
	}
	c := &call{of: slices.Clone(q.waiting[:n]), callers: n}
	q.waiting = slices.Delete(q.waiting, 0, n)
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	for _, w := range c.of {
		w.call = c
	}
	return c
}

// run makes a call, and then starts the next one if decisions wait. The server gets the next call
// before the callers get their decisions, so that it does not wait for them.
func (q *calls) run(c *call) {
	together, err := c.of[0].storage.decideTogether(c)
	q.end(c)
	if !together {
		return
	}
	for _, w := range c.of {
		w.err = err
		w.decided <- struct{}{}
	}
}

// end ends a call.
func (q *calls) end(c *call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	if c.callers > 0 {
		c.callers = -1 // so that no caller is the last to leave
		q.busy--
	}
	c.cancel(nil)
	q.start()
}

// decideTogether makes the decisions of a call. On a Cluster, where keys lie on several servers, it
// only starts each of them by itself, and returns false.
func (s *Storage) decideTogether(c *call) (together bool, err error) {
	l, err := s.server.get(c.ctx)
	if err != nil {
		return true, c.errorOf(err)
	}
	defer l.release()
	if l.client.Mode() == rueidis.ClientModeCluster {
		for _, w := range c.of {
			go func() {
				w.request.found, w.err = s.decideAlone(w)
				w.decided <- struct{}{}
			}()
		}
		return false, nil
	}
	requests := make([]*request, len(c.of))
	for i, w := range c.of {
		requests[i] = &w.request
	}
	if err := s.runScript(c.ctx, l.client, take, requests...); err != nil {
		failure := c.errorOf(err)
		s.server.reportFailure(l, failure)
		return true, failure
	}
	return true, nil
}

// errorOf returns the error of a call. If all callers have left, it is that of the last one.
func (c *call) errorOf(err error) *UnavailableError {
	if cause := context.Cause(c.ctx); cause != nil {
		err = cause
	}
	return unavailable(err)
}
