package proof_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/proof"
)

// TestChallenge checks that the rejections that need a nonce get one, that no other error does, and
// that a challenge wraps the rejection.
func TestChallenge(t *testing.T) {
	nonces := proof.NewNonces([]byte("a secret of the replicas"))
	for _, reason := range proof.Reasons() {
		rejection := &proof.Rejection{Reason: reason}
		err := nonces.Challenge(rejection, noon)
		found, ok := errors.AsType[*proof.Rejection](err)
		require.True(t, ok)
		assert.Same(t, rejection, found)
		assert.Equal(t, failure.KindOf(rejection), failure.KindOf(err))
		assert.EqualError(t, err, rejection.Error())
		challenge, needed := errors.AsType[*proof.Challenge](err)
		assert.Equal(t, failure.KindOf(rejection) == failure.ProofNonceRequired, needed, reason)
		if needed {
			assert.True(t, nonces.Accepts(challenge.Nonce, noon))
		}
	}
	wrapped := nonces.Challenge(fmt.Errorf("issue: %w", &proof.Rejection{
		Reason: proof.ReasonStale}), noon)
	assert.Equal(t, failure.ProofNonceRequired, failure.KindOf(wrapped))
	other := errors.New("another error")
	assert.Equal(t, other, nonces.Challenge(other, noon))
	assert.NoError(t, nonces.Challenge(nil, noon))
}
