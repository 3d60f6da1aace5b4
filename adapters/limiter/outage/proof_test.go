package outage_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// TestProofsDuringOutage uses proofs during an outage. Under local and allow, this replica's memory
// storage accepts each proof once; under deny there is no decision.
func TestProofsDuringOutage(t *testing.T) {
	for _, policy := range ports.OutagePolicies() {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := newServer(t)
				shared.setFault(failing)
				r := start(t, shared, policy)
				use := func(proof byte) (throttle.Decision, error) {
					return r.Decide(t.Context(), r.clock.Instant(), throttle.NewChecks(
						throttle.Check{Dimension: throttle.ByInstall, Subject: throttle.Subject{1},
							Limit: 2, Window: window},
						throttle.Check{Dimension: throttle.ByProof, Subject: throttle.Subject{proof},
							Limit: throttle.ProofLimit, Window: 7 * window}))
				}
				if policy == ports.OutageDeny {
					_, err := use(1)
					assert.ErrorAs(t, err, new(*outage.DeniedError))
					return
				}
				for proof := range byte(2) {
					decision, err := use(proof)
					require.NoError(t, err)
					assert.False(t, decision.Refused())
					assert.Equal(t, policy == ports.OutageLocal, decision.Decided())
				}
				for proof := range byte(2) {
					decision, err := use(proof)
					require.NoError(t, err)
					refusal, refused := decision.Refusal()
					require.True(t, refused)
					assert.Equal(t, throttle.ByProof, refusal.Dimension)
				}
				decision, err := use(3)
				require.NoError(t, err)
				assert.Equal(t, policy == ports.OutageLocal, decision.Refused(),
					"the limits do not count under allow")
				time.Sleep(7 * window)
				decision, err = use(1)
				require.NoError(t, err)
				assert.False(t, decision.Refused(), "forgotten after its window")
			})
		})
	}
}
