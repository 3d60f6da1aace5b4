package harness

import (
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock is a ports.Clock that stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	wall    time.Time
	instant throttle.Instant
}

// NewClock makes a clock that shows that time on the wall. Its instants begin at some point that is
// not nought.
func NewClock(wall time.Time) *Clock {
	return &Clock{wall: wall,
		instant: throttle.Instant(time.Hour)}
}

// Now is ports.Clock's.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

// Instant is ports.Clock's.
func (c *Clock) Instant() throttle.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.instant
}

// Advance lets d pass.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
	c.instant = c.instant.After(d)
}

// Step moves the wall's clock alone, as an operator or NTP does.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}
