package logs

import (
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// maxLines is how many lines of one event a process writes in a window, so that a flood of requests
// does not become a flood of lines.
const maxLines = 10

// lineLimiter is a rate limiter for log lines, by the same exact window that limits sessions. It
// counts the lines that it suppresses. The count is written with the next line, or in a line of its
// own as soon as one may be written again.
type lineLimiter struct {
	clock  ports.Clock
	window time.Duration
	report func(suppressed int) // writes the count in a line of its own

	mu         sync.Mutex
	lines      []throttle.Instant // the last lines, at most maxLines
	suppressed int
	scheduled  bool // a timer that calls due is running
}

func newLineLimiter(clock ports.Clock, window time.Duration,
	report func(suppressed int)) *lineLimiter {
	return &lineLimiter{clock: clock, window: window, report: report}
}

// allow reports whether a line may be written now, and how many were suppressed before it.
func (l *lineLimiter) allow() (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suppress() {
		return 0, false
	}
	return l.take(), true
}

// suppresses reports whether no line may be written now, and counts one as suppressed if so.
func (l *lineLimiter) suppresses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suppress()
}

func (l *lineLimiter) suppress() bool {
	wait := l.wait()
	if wait == 0 {
		return false
	}
	l.suppressed++
	l.reportAfter(wait)
	return true
}

// reportAfter schedules a report of the count after wait, unless one is scheduled already.
func (l *lineLimiter) reportAfter(wait time.Duration) {
	if !l.scheduled {
		l.scheduled = true
		time.AfterFunc(wait, l.due)
	}
}

// due reports the count, unless another line has carried it meanwhile. If other lines came first
// and the window is full again, it schedules another report.
func (l *lineLimiter) due() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scheduled = false
	if l.suppressed == 0 {
		return
	}
	if wait := l.wait(); wait > 0 {
		l.reportAfter(wait)
		return
	}
	l.report(l.take())
}

// wait returns how long it takes until a line may be written.
func (l *lineLimiter) wait() time.Duration {
	grants, now := throttle.Grants{l.lines}, l.clock.Instant()
	check := throttle.Check{Limit: maxLines, Window: l.window}
	return check.State(&grants, grants.Effective(now)).RetryAfter
}

// take counts a line that is about to be written, and returns and resets the count of suppressed
// lines.
func (l *lineLimiter) take() (suppressed int) {
	if len(l.lines) == maxLines {
		l.lines = append(l.lines[:0], l.lines[1:]...)
	}
	l.lines = append(l.lines, l.clock.Instant())
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed
}

// flush reports the count at once, unless it is 0.
func (l *lineLimiter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suppressed > 0 {
		l.report(l.take())
	}
}
