// Package clock reads the machine's clocks. It imports domain, ports and the standard library.
package clock

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock implements ports.Clock with the machine's clocks.
type Clock struct{ start time.Time }

// New returns a clock whose instants count from now.
func New() *Clock { return &Clock{start: time.Now()} }

// Now returns the wall clock's time.
func (*Clock) Now() time.Time { return time.Now() }

// Instant returns the time since the start by the monotonic clock, which a step of the wall clock
// does not affect.
func (c *Clock) Instant() throttle.Instant { return throttle.Instant(time.Since(c.start)) }
