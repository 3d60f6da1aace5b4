package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestViewAgreesWithDecide compares views with each of many decisions, on limits whose ring buffers
// wrap and grow.
func TestViewAgreesWithDecide(t *testing.T) {
	storage := open(t, redisserver.Start(t).URL(), patient)
	for _, limit := range []int{1, 3, 40} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			checks := throttle.NewChecks(throttle.Check{Dimension: throttle.ByInstall,
				Subject: throttle.Subject{byte(limit)}, Limit: limit, Window: 300 * time.Millisecond})
			refused := 0
			deadline := time.Now().Add(redisserver.Timeout)
			// On a slow machine it takes longer until a decision is refused.
			for n := 0; n < 150 || limit < 40 && refused == 0; n++ {
				require.True(t, time.Now().Before(deadline), "timed out waiting for a refusal")
				decision, err := storage.Decide(t.Context(), 0, checks)
				require.NoError(t, err)
				want := decision.At(0)
				for range 2 { // a view takes nothing
					states, err := storage.View(t.Context(), checks)
					require.NoError(t, err)
					require.Len(t, states, 1)
					got := states[0]
					assert.Equal(t, want.Check, got.Check)
					// Grants may have left the window between the two.
					assert.GreaterOrEqual(t, got.Remaining, want.Remaining)
					if got.Remaining == want.Remaining {
						assert.LessOrEqual(t, got.ResetAfter, want.ResetAfter)
					}
				}
				if decision.Refused() {
					refused++
					assert.Zero(t, want.Remaining)
				}
			}
		})
	}
}
