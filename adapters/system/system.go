// Package system provides the machine's clock and its entropy. It imports domain, ports and the
// standard library.
package system

import (
	crypto "crypto/rand"
	"math/rand/v2"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock implements ports.Clock with the machine's clocks.
type Clock struct{ start time.Time }

// NewClock returns a clock whose instants count from now.
func NewClock() *Clock { return &Clock{start: time.Now()} }

// Now returns the wall clock's time.
func (*Clock) Now() time.Time { return time.Now() }

// Instant returns the time since the start by the monotonic clock, which a step of the wall clock
// does not affect.
func (c *Clock) Instant() throttle.Instant { return throttle.Instant(time.Since(c.start)) }

// Entropy implements ports.Entropy with the runtime's generator, which seeds itself, and
// ports.KeyMaterial with the system's.
type Entropy struct{}

// Fraction returns a number drawn uniformly from [0, 1).
func (Entropy) Fraction() float64 { return rand.Float64() }

// Generate returns n cryptographically random bytes.
func (Entropy) Generate(n int) []byte {
	material := make([]byte, n)
	_, _ = crypto.Read(material) // it never fails
	return material
}
