package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

var _ ports.Clock = (*clock.Clock)(nil)

func TestInstantIsTheTimeSinceTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := clock.New()
		assert.Equal(t, throttle.Instant(0), clock.Instant())
		before := clock.Now()
		time.Sleep(90 * time.Second)
		assert.Equal(t, throttle.Instant(90*time.Second), clock.Instant())
		assert.Equal(t, 90*time.Second, clock.Now().Sub(before))
	})
}

func TestInstantNeverGoesBack(t *testing.T) {
	clock := clock.New()
	last := clock.Instant()
	for range 100_000 {
		next := clock.Instant()
		if next < last {
			assert.GreaterOrEqual(t, next, last)
			return
		}
		last = next
	}
}
