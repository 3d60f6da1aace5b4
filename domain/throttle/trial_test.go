package throttle_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/throttle"
)

func TestTrialHasTheChecksOfANewSession(t *testing.T) {
	drawn := 0.0
	checks := throttle.TrialChecks(func() float64 {
		drawn += 1.0 / 16
		return drawn
	})
	subjects := map[throttle.Subject]bool{}
	var dimensions []throttle.Dimension
	for i := range checks.Len() {
		check := checks.At(i)
		dimensions = append(dimensions, check.Dimension)
		subjects[check.Subject] = true
		assert.Equal(t, 1, check.Limit)
		assert.Positive(t, check.Window)
	}
	assert.Equal(t, []throttle.Dimension{throttle.ByAddress, throttle.ByNetwork,
		throttle.ByInstall}, dimensions)
	assert.Len(t, subjects, len(dimensions), "no two subjects are the same")
}
