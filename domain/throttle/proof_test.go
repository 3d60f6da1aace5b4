package throttle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/throttle"
)

// TestUsedProofOutranksLimits refuses by a proof and by limits at once, in every order and whatever
// the waits: the refusal is about the proof, and is no refusal by a limit.
func TestUsedProofOutranksLimits(t *testing.T) {
	for _, wait := range []time.Duration{1, time.Second, 7 * time.Minute} {
		proof := full(throttle.ByProof, wait)
		address, install := full(throttle.ByAddress, time.Minute), free(throttle.ByInstall, 3, 0)
		for _, states := range [][]throttle.State{
			{proof}, {proof, address, install}, {address, proof, install},
			{install, address, proof}, {install, proof},
		} {
			decision := throttle.Decide(states...)
			refusal, refused := decision.Refusal()
			require.True(t, refused)
			assert.Equal(t, throttle.ByProof, refusal.Dimension)
			assert.Equal(t, wait, refusal.RetryAfter)
			assert.Equal(t, failure.InvalidProof, failure.KindOf(refusal))
			refusal.Spread(throttle.Subject{0: 0xff})
			assert.Equal(t, wait, refusal.RetryAfter, "no share is added")
		}
	}
	decision := throttle.Decide(full(throttle.ByAddress, 1), free(throttle.ByProof, 1, 0))
	refusal, refused := decision.Refusal()
	require.True(t, refused)
	assert.Equal(t, throttle.ByAddress, refusal.Dimension, "a fresh proof refuses nothing")
	assert.Equal(t, failure.RateLimited, failure.KindOf(refusal))
}

func TestChecksProof(t *testing.T) {
	proof := throttle.Check{Dimension: throttle.ByProof, Subject: throttle.Subject{1},
		Limit: throttle.ProofLimit, Window: window}
	address := throttle.Check{Dimension: throttle.ByAddress, Limit: 8, Window: window}
	with, without := throttle.NewChecks(address, proof), throttle.NewChecks(address)
	alone, found := with.Proof()
	assert.True(t, found)
	assert.Equal(t, throttle.NewChecks(proof), alone)
	_, found = without.Proof()
	assert.False(t, found)
}
