package system_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

var (
	_ ports.Clock       = (*system.Clock)(nil)
	_ ports.Entropy     = system.Entropy{}
	_ ports.KeyMaterial = system.Entropy{}
)

func TestInstantIsTheTimeSinceTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := system.NewClock()
		assert.Equal(t, throttle.Instant(0), clock.Instant())
		before := clock.Now()
		time.Sleep(90 * time.Second)
		assert.Equal(t, throttle.Instant(90*time.Second), clock.Instant())
		assert.Equal(t, 90*time.Second, clock.Now().Sub(before))
	})
}

func TestInstantNeverGoesBack(t *testing.T) {
	clock := system.NewClock()
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

func TestFractionIsUniformBelowOne(t *testing.T) {
	lowest, highest := 1.0, 0.0
	for range 10_000 {
		fraction := system.Entropy{}.Fraction()
		lowest, highest = min(lowest, fraction), max(highest, fraction)
	}
	assert.GreaterOrEqual(t, lowest, 0.0)
	assert.Less(t, highest, 1.0)
	assert.Less(t, lowest, 0.1, "fractions spread over the whole range")
	assert.Greater(t, highest, 0.9)
}

func TestGenerateReturnsDifferentBytes(t *testing.T) {
	for _, n := range []int{0, 1, 5, 32, 1000} {
		assert.Len(t, system.Entropy{}.Generate(n), n)
	}
	seen := map[string]bool{}
	for range 1000 {
		seen[string(system.Entropy{}.Generate(32))] = true
	}
	assert.Len(t, seen, 1000)
}
