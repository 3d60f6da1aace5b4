// Package system is the machine's clock and its entropy. It imports ports, domain and the standard library.
package system

import (
	crypto "crypto/rand"
	"math/rand/v2"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock is ports.Clock on the machine's clocks.
type Clock struct{ start time.Time }

// NewClock makes a clock whose instants count from now.
func NewClock() *Clock { return &Clock{start: time.Now()} }

// Now is the wall's time.
func (*Clock) Now() time.Time { return time.Now() }

// Instant is the time since the start by the monotonic reading, which a step of the wall clock does not touch.
func (c *Clock) Instant() throttle.Instant { return throttle.Instant(time.Since(c.start)) }

// Entropy is ports.Entropy on the runtime's generator, which seeds itself, and ports.Material on the system's.
type Entropy struct{}

// Fraction is drawn evenly from [0, 1).
func (Entropy) Fraction() float64 { return rand.Float64() }

// Draw is n bytes that nobody can guess.
func (Entropy) Generate(n int) []byte {
	drawn := make([]byte, n)
	_, _ = crypto.Read(drawn) // it never fails
	return drawn
}
