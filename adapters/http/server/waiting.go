package server

import (
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
	awaitedHeaders  awaited = iota // that the client ends the headers
	awaitedBody                    // that the client sends the body
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

	mu      sync.Mutex
	queue   [awaitedKinds]queue[*wait]
	entered uint64 // how many requests have begun to wait
	armed   bool   // a timer that calls expire is running
}

func newWaiting(most int, clock ports.Clock, shed func(ports.Budget)) *waiting {
	return &waiting{most: most, clock: clock, shed: shed}
}

// resettable is a request that can be reset while it waits for its client.
type resettable interface {
	// reset makes the read or write that waits for the client fail.
	reset(what awaited)
}

// wait is one wait of a request for its client. It is used once: a goroutine that found it to be
// the longest may still refer to it when it is over.
type wait struct {
	in    *waiting
	since throttle.Instant // when the wait began; set only for a response, which has a deadline
	place link[*wait]      // guarded by in.mu
	order uint64           // increases from wait to wait; guarded by in.mu

	mu       sync.Mutex
	what     awaited
	request  resettable // nil once the wait is over
	wasReset bool
}

// begin records in own, which must be zero, that a request waits. The request is reset at most
// once, and not after end has returned.
func (w *waiting) begin(own *wait, what awaited, request resettable) {
	w.enter(own, what, request).makeRoom()
}

// enter records that a request waits, as begin does, and returns the request that must make room,
// or nil. The caller calls makeRoom for that one, which is not done here because reset may take a
// lock that the caller holds.
func (w *waiting) enter(own *wait, what awaited, request resettable) (longest *wait) {
	own.in, own.what, own.request = w, what, request
	own.place.owner = own
	if what == awaitedResponse {
		own.since = w.clock.Instant()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entered++
	own.order = w.entered
	w.queue[what].push(&own.place)
	if w.size() > w.most {
		longest = w.longest()
		longest.place.leave()
	}
	if what == awaitedResponse && !w.armed {
		w.armed = true
		time.AfterFunc(unreadResponseTimeout, w.expire)
	}
	return longest
}

// size returns how many requests wait. The caller must hold mu.
func (w *waiting) size() int {
	size := 0
	for what := range w.queue {
		size += w.queue[what].size
	}
	return size
}

// makeRoom resets the request, unless its wait is over, because too many wait.
func (w *wait) makeRoom() {
	if w != nil {
		w.abort(ports.BudgetWaiting)
	}
}

// end records that the wait is over. It reports whether the request was reset. A nil wait has not
// begun.
func (w *wait) end() (wasReset bool) {
	if w == nil {
		return false
	}
	w.in.mu.Lock()
	w.place.leave()
	w.in.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.request = nil
	return w.wasReset
}

// abort resets the request because of a budget, unless its wait is over. It is counted before the
// client can see it.
func (w *wait) abort(budget ports.Budget) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.request == nil || w.wasReset {
		return
	}
	w.wasReset = true
	w.in.shed(budget)
	w.request.reset(w.what)
}

// longest returns the request that has waited longest. The caller must hold mu, and there must be
// one.
func (w *waiting) longest() *wait {
	var longest *wait
	for what := range w.queue {
		if first := w.first(awaited(what)); first != nil &&
			(longest == nil || first.order < longest.order) {
			longest = first
		}
	}
	return longest
}

// first returns the request of a kind that has waited longest, or nil. The caller must hold mu.
func (w *waiting) first(what awaited) *wait {
	if first := w.queue[what].first; first != nil {
		return first.owner
	}
	return nil
}

// expire resets the requests whose response was not read in time.
func (w *waiting) expire() {
	for {
		late := w.late()
		if late == nil {
			return
		}
		late.abort(ports.BudgetUnread)
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
		first.place.leave()
		return first
	}
	time.AfterFunc(left, w.expire)
	return nil
}
