package portsfake

import "github.com/offload/sessiond/domain/throttle"

// SameLimit returns limits that are the same in every dimension, for a storage that is made for
// them.
func SameLimit(limit int) func(throttle.Dimension) int {
	return func(throttle.Dimension) int { return limit }
}
