package logs

import (
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// How many lines of one event a process writes in any second: a flood of refusals shall not become a flood of lines.
const (
	linesPerSecond = 10
	perSecond      = time.Second
)

// valve lets lines through by the same exact window that refuses sessions, and counts the others. The count goes out with the next line, or by
// itself as soon as a line may be written again, which is within a second.
type valve struct {
	clock ports.Clock
	tell  func(leftOut int)

	mu      sync.Mutex
	lines   []throttle.Instant // the last ones, at most linesPerSecond
	leftOut int
	waiting bool // for the timer that calls due
}

func newValve(clock ports.Clock, tell func(leftOut int)) *valve {
	return &valve{clock: clock, tell: tell}
}

// pass tells whether a line may be written now, and how many were left out before it.
func (v *valve) pass() (leftOut int, open bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if wait := v.wait(); wait > 0 {
		v.leftOut++
		v.tellIn(wait)
		return 0, false
	}
	return v.take(), true
}

// tellIn has the count told once wait is over, unless that has been seen to already.
func (v *valve) tellIn(wait time.Duration) {
	if !v.waiting {
		v.waiting = true
		time.AfterFunc(wait, v.due)
	}
}

// due tells the count in a line of its own, where no other line has told it meanwhile. If others came first and the second is full
// again, it waits for its turn.
func (v *valve) due() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.waiting = false
	if v.leftOut == 0 {
		return
	}
	if wait := v.wait(); wait > 0 {
		v.tellIn(wait)
		return
	}
	v.tell(v.take())
}

// wait is how long until a line may be written.
func (v *valve) wait() time.Duration {
	grants, now := throttle.Grants{v.lines}, v.clock.Instant()
	ask := throttle.Check{Limit: linesPerSecond, Window: perSecond}
	return ask.State(&grants, grants.Effective(now)).RetryAfter
}

// take counts a line that is about to be written.
func (v *valve) take() (leftOut int) {
	if len(v.lines) == linesPerSecond {
		v.lines = append(v.lines[:0], v.lines[1:]...)
	}
	v.lines = append(v.lines, v.clock.Instant())
	leftOut, v.leftOut = v.leftOut, 0
	return leftOut
}

// flush tells the count at once, where there is one to tell.
func (v *valve) flush() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.leftOut > 0 {
		v.tell(v.take())
	}
}
