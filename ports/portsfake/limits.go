package portsfake

import "github.com/offload/sessiond/domain/throttle"

// SameLimit returns a function that returns limit for every dimension, for a storage that is made
// for given limits.
func SameLimit(limit int) func(throttle.Dimension) int {
	return func(throttle.Dimension) int { return limit }
}
