package portsfake

import (
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock is a ports.Clock that only a test moves. It is safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	wall    time.Time
	instant throttle.Instant
}

// NewClock returns a clock with the given wall time. Its instants start at a value other than zero.
func NewClock(wall time.Time) *Clock {
	return &Clock{wall: wall, instant: throttle.Instant(time.Hour)}
}

// Now implements ports.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

// Instant implements ports.Clock.
func (c *Clock) Instant() throttle.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.instant
}

// Advance moves the wall time and the instant forward by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
	c.instant = c.instant.After(d)
}

// Step moves the wall time by d and leaves the instant, as an operator or NTP sets a clock.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}
