package entropy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/ports"
)

var (
	_ ports.Entropy     = entropy.Source{}
	_ ports.KeyMaterial = entropy.Source{}
)

func TestFractionIsUniformBelowOne(t *testing.T) {
	lowest, highest := 1.0, 0.0
	for range 10_000 {
		fraction := entropy.Source{}.Fraction()
		lowest, highest = min(lowest, fraction), max(highest, fraction)
	}
	assert.GreaterOrEqual(t, lowest, 0.0)
	assert.Less(t, highest, 1.0)
	assert.Less(t, lowest, 0.1, "fractions spread over the whole range")
	assert.Greater(t, highest, 0.9)
}

func TestGenerateReturnsDifferentBytes(t *testing.T) {
	for _, n := range []int{0, 1, 5, 32, 1000} {
		assert.Len(t, entropy.Source{}.Generate(n), n)
	}
	seen := map[string]bool{}
	for range 1000 {
		seen[string(entropy.Source{}.Generate(32))] = true
	}
	assert.Len(t, seen, 1000)
}
