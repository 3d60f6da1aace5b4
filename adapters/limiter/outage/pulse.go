package outage

import (
	"runtime"
	"sync"
	"time"
)

// A call's deadline does not count time in which this process did not run. Under a load of
// requests, or with its CPU quota used up, a reply may lie in the socket for longer than the
// timeout because no goroutine got to read it, and that says nothing about the storage. Nor may it
// be counted as a failure: clients could then make the storage count as out by keeping the
// processors busy.
//
// So deadlines are measured in beats. A beat is a short timer followed by one turn at the back of
// the scheduler's run queue, and it counts as the timer's length, however long it really took. A
// goroutine that could run when the beat began has run when it ends. A call needs fewer than ten
// such turns, for its goroutines to be started, to write, to be woken by the network and to hand
// over the reply, and its deadline has at least minBeats of them: if that passes, the storage did
// not answer in time. While the process runs freely a beat takes as long as its timer, and the
// deadline is the timeout. While it does not, the deadline is later, by the time that so many turns
// take, so a storage that hangs is still detected.
const (
	minBeats = 20
	maxBeat  = 50 * time.Millisecond
)

// pulse keeps the deadlines of calls, which all have the same timeout, in beats, and those of their
// callers by the wall clock. One timer serves all deadlines of a kind.
type pulse struct {
	timeout, beat time.Duration
	patience      time.Duration // the longest wait of a caller
	turn          func()        // yields the processor until the goroutine's next turn
	base          time.Time     // the origin of durations by the wall clock

	mu      sync.Mutex
	awake   time.Duration // the total length of all beats so far
	began   time.Duration // when the current beat began, by the wall clock
	length  time.Duration // of the current beat; 0 if there is none
	pending queue         // calls, by their deadlines in beats
	waiting queue         // calls, by their callers' deadlines
	watched bool          // whether a timer runs for the first of waiting
}

// newPulse returns a pulse for calls with that timeout, which must be above 0.
func newPulse(timeout time.Duration) *pulse {
	return &pulse{timeout: timeout, beat: min(max(timeout/minBeats, 1), maxBeat),
		patience: max(longestWait, timeout*3/2), turn: runtime.Gosched, base: time.Now()}
}

// enter starts both deadlines of a call: the call expires after the timeout, and its caller stops
// waiting after the patience, unless leave is called before.
func (p *pulse) enter(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.began = time.Since(p.base)
	now := p.awake
	if p.length > 0 {
		now += min(c.began-p.began, p.length)
	}
	c.timeout = place{call: c, at: now + p.timeout}
	c.patience = place{call: c, at: c.began + p.patience}
	p.pending.enter(&c.timeout)
	p.waiting.enter(&c.patience)
	if p.length == 0 {
		p.startBeat(c.began)
	}
	if !p.watched {
		p.watch(p.patience)
	}
}

// leave cancels the deadlines of a call. It does nothing if they have passed.
func (p *pulse) leave(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.timeout.leave()
	c.patience.leave()
}

// watch starts the timer that calls endWaits. mu must be held.
func (p *pulse) watch(after time.Duration) {
	p.watched = true
	time.AfterFunc(after, p.endWaits)
}

// endWaits releases the callers whose deadlines have passed, and watches the next deadline.
func (p *pulse) endWaits() {
	p.mu.Lock()
	now := time.Since(p.base)
	passed := p.waiting.removePassed(now)
	if p.watched = false; p.waiting.first() != nil {
		p.watch(p.waiting.first().at - now)
	}
	p.mu.Unlock()
	for _, c := range passed {
		c.releaseCaller()
	}
}

// startBeat starts a beat, which ends at the next deadline if that is earlier. mu must be held, and
// a deadline must be pending.
func (p *pulse) startBeat(now time.Duration) {
	p.began, p.length = now, max(min(p.beat, p.pending.first().at-p.awake), 1)
	time.AfterFunc(p.length, p.endBeat)
}

// endBeat ends a beat, expires the calls whose deadlines have passed, and starts the next beat if a
// deadline is pending.
func (p *pulse) endBeat() {
	p.turn()
	p.mu.Lock()
	p.awake += p.length
	p.length = 0
	passed := p.pending.removePassed(p.awake)
	if p.pending.first() != nil {
		p.startBeat(time.Since(p.base))
	}
	p.mu.Unlock()
	for _, c := range passed {
		c.expire()
	}
}
