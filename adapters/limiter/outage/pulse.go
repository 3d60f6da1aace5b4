package outage

import (
	"container/list"
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

// pulse measures the deadlines of calls that all have the same timeout.
type pulse struct {
	timeout, beat time.Duration
	turn          func() // waits for a turn on a processor

	mu      sync.Mutex
	awake   time.Duration // the length of all beats so far
	began   time.Time     // of the beat in progress
	length  time.Duration // of the beat in progress; 0 for none
	pending list.List     // of *deadline, the earliest first
}

// deadline calls expire when the timeout has passed.
type deadline struct {
	of     *pulse
	at     time.Duration // by awake
	expire func()
	place  *list.Element // nil once it is over; guarded by of.mu
}

func newPulse(timeout time.Duration) *pulse {
	return &pulse{timeout: timeout, beat: min(max(timeout/minBeats, 1), maxBeat),
		turn: runtime.Gosched}
}

// after calls expire once the timeout has passed, unless the deadline is stopped before.
func (p *pulse) after(expire func()) *deadline {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.awake
	if p.length > 0 {
		now += min(time.Since(p.began), p.length)
	}
	d := &deadline{of: p, at: now + p.timeout, expire: expire}
	d.place = p.pending.PushBack(d)
	if p.length == 0 {
		p.start()
	}
	return d
}

// stop ends the deadline. expire is not called any more, unless it is being called already.
func (d *deadline) stop() {
	d.of.mu.Lock()
	defer d.of.mu.Unlock()
	if d.place != nil {
		d.of.pending.Remove(d.place)
		d.place = nil
	}
}

// start starts a beat, which ends at the next deadline if that is earlier. The caller must hold mu,
// and a deadline must be pending.
func (p *pulse) start() {
	first, _ := p.pending.Front().Value.(*deadline)
	p.began, p.length = time.Now(), max(min(p.beat, first.at-p.awake), 1)
	time.AfterFunc(p.length, p.end)
}

// end ends a beat, and starts the next one if a deadline is pending.
func (p *pulse) end() {
	p.turn()
	for _, d := range p.passed() {
		d.expire()
	}
}

// passed counts the beat, and removes and returns the deadlines that have passed.
func (p *pulse) passed() (passed []*deadline) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awake += p.length
	p.length = 0
	for p.pending.Len() > 0 {
		first, _ := p.pending.Front().Value.(*deadline)
		if first.at > p.awake {
			p.start()
			break
		}
		p.pending.Remove(first.place)
		first.place = nil
		passed = append(passed, first)
	}
	return passed
}
