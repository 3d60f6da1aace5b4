package logs

import (
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// maxLines is the maximum number of lines of one event in a window, so that a flood of requests
// does not become a flood of lines.
const maxLines = 10

// lineLimiter is a rate limiter for log lines with the same exact sliding window that limits
// sessions. It counts the lines that it suppresses. The count is written with the next line, or in
// a line of its own as soon as a line may be written again. It is safe for concurrent use.
type lineLimiter struct {
	clock  ports.Clock
	window time.Duration
	report func(suppressed int) // writes the count in a line of its own

	mu         sync.Mutex
	lines      []throttle.Instant // when the last lines were written, at most maxLines
	suppressed int
	scheduled  bool // a timer that calls due is running
}

func newLineLimiter(clock ports.Clock, window time.Duration,
	report func(suppressed int)) *lineLimiter {
	return &lineLimiter{clock: clock, window: window, report: report}
}

// allow reports whether a line may be written now. If so, it counts the line and returns the number
// of lines suppressed before it; if not, it counts the line as suppressed.
func (l *lineLimiter) allow() (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suppressLocked() {
		return 0, false
	}
	return l.take(), true
}

// suppress reports whether no line may be written now. If so, it counts one as suppressed. If not,
// the caller must still call allow before it writes a line.
func (l *lineLimiter) suppress() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suppressLocked()
}

// suppressLocked implements suppress. The caller holds mu, as for the following methods but due and
// flush.
func (l *lineLimiter) suppressLocked() bool {
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

// due reports the count, unless another line was written with it meanwhile. If the window is full
// again, it schedules another report.
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

// wait returns how long it takes until a line may be written; 0 if one may be written now.
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
