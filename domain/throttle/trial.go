package throttle

import (
	"encoding/binary"
	"math"
	"time"
)

// trialWindow is how long a storage keeps the grants of a trial.
const trialWindow = time.Second

// TrialChecks returns checks that show whether a storage works: those of a new session without a
// proof, for random subjects, which belong to no client. draw returns uniformly distributed random
// numbers in [0, 1).
func TrialChecks(draw func() float64) Checks {
	var checks []Check
	for _, dimension := range []Dimension{ByAddress, ByNetwork, ByInstall} {
		var subject Subject
		binary.BigEndian.PutUint64(subject[:8], uint64(draw()*math.MaxInt64))
		binary.BigEndian.PutUint64(subject[8:], uint64(draw()*math.MaxInt64))
		checks = append(checks, Check{Dimension: dimension, Subject: subject, Limit: 1,
			Window: trialWindow})
	}
	return NewChecks(checks...)
}
