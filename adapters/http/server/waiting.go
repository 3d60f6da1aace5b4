package server

import (
	"container/list"
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// maxWaiting is the maximum number of requests that wait for their clients, over all connections.
// net/http keeps a goroutine and buffers for each, some 14 KB.
const maxWaiting = 4096

// unreadResponseTimeout is how long a client may take to read a response.
const unreadResponseTimeout = 10 * time.Second

// awaited is what a request waits for.
type awaited uint8

const (
	awaitedBody     awaited = iota // that the client sends the body
	awaitedResponse                // that the client reads the response
	awaitedKinds
)

// waiting holds the requests that wait for their clients, each kind from the one that has waited
// longest. If there are too many, it resets the one that has waited longest. It resets those whose
// client does not read the response in time.
type waiting struct {
	most  int
	clock ports.Clock
	shed  func(ports.Budget)

	mu    sync.Mutex
	queue [awaitedKinds]list.List // of *wait
	armed bool                    // a timer that calls expire is running
}

func newWaiting(most int, clock ports.Clock, shed func(ports.Budget)) *waiting {
	return &waiting{most: most, clock: clock, shed: shed}
}

// wait is one request that waits for its client.
type wait struct {
	in    *waiting
	what  awaited
	since throttle.Instant
	place *list.Element // nil once it was taken out of the queue; guarded by in.mu

	mu       sync.Mutex
	reset    func() // makes the client's read or write fail; nil once the wait is over
	wasReset bool
}

// begin records that a request waits. The function reset ends the wait: it is called at most once,
// and not after end has returned.
func (w *waiting) begin(what awaited, reset func()) *wait {
	own := &wait{in: w, what: what, since: w.clock.Instant(), reset: reset}
	w.mu.Lock()
	own.place = w.queue[what].PushBack(own)
	var longest *wait
	if w.queue[awaitedBody].Len()+w.queue[awaitedResponse].Len() > w.most {
		longest = w.longest()
		w.remove(longest)
	}
	if what == awaitedResponse && !w.armed {
		w.armed = true
		time.AfterFunc(unreadResponseTimeout, w.expire)
	}
	w.mu.Unlock()
	if longest != nil {
		longest.abort()
		w.shed(ports.BudgetWaiting)
	}
	return own
}

// end records that the wait is over. It reports whether the request was reset.
func (w *wait) end() (wasReset bool) {
	w.in.mu.Lock()
	w.in.remove(w)
	w.in.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reset = nil
	return w.wasReset
}

// abort resets the request, unless its wait is over.
func (w *wait) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reset != nil {
		w.reset()
		w.wasReset = true
	}
}

// longest returns the request that has waited longest. The caller must hold mu, and there must be
// one.
func (w *waiting) longest() *wait {
	var longest *wait
	for what := range w.queue {
		if first := w.first(awaited(what)); first != nil &&
			(longest == nil || first.since < longest.since) {
			longest = first
		}
	}
	return longest
}

// first returns the request of a kind that has waited longest, or nil. The caller must hold mu.
func (w *waiting) first(what awaited) *wait {
	front := w.queue[what].Front()
	if front == nil {
		return nil
	}
	first, _ := front.Value.(*wait)
	return first
}

// remove takes a request out of its queue, unless that was done before. The caller must hold mu.
func (w *waiting) remove(one *wait) {
	if one.place != nil {
		w.queue[one.what].Remove(one.place)
		one.place = nil
	}
}

// expire resets the requests whose response was not read in time.
func (w *waiting) expire() {
	for {
		late := w.late()
		if late == nil {
			return
		}
		late.abort()
		w.shed(ports.BudgetUnread)
	}
}

// late removes and returns a request whose response was not read in time. If there is none, it
// returns nil and has expire called when there may be one.
func (w *waiting) late() *wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.first(awaitedResponse)
	if first == nil {
		w.armed = false
		return nil
	}
	left := unreadResponseTimeout - first.since.Until(w.clock.Instant())
	if left <= 0 {
		w.remove(first)
		return first
	}
	time.AfterFunc(left, w.expire)
	return nil
}
