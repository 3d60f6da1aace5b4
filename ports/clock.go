package ports

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock tells the time, twice over. Both are safe for concurrent use and return at once.
type Clock interface {
	// Now is the wall's time, for claims and the states of keys. It may step.
	Now() time.Time
	// Instant is a point on a clock that never steps and never goes back, for windows.
	Instant() throttle.Instant
}

// Entropy draws at random. It is safe for concurrent use and returns at once.
type Entropy interface {
	// Fraction is drawn evenly from [0, 1). Nobody may build a secret on it.
	Fraction() float64
}
