package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/vectors"
)

// Phase 4, continued.

// The contract's own cases, over HTTP: each group in the compact form whose keys a variable can hold, and whose tokens a header can carry.
func TestPhase4Vectors(t *testing.T) {
	t.Parallel()
	groups, cases := 0, 0
	for _, group := range vectors.Groups() {
		if group.Keys == nil || group.Name == "compact, odd text" {
			continue
		}
		groups++
		cases += len(group.Cases)
		t.Run("group "+group.Name, func(t *testing.T) {
			t.Parallel()
			keys, err := json.Marshal(group.Keys)
			require.NoError(t, err)
			service := harness.ServeAt(t, group.Now.Time, harness.Env{
				"OFFLOAD_SESSION_SIGNING_KEYS":       string(keys),
				"OFFLOAD_SESSION_TOKEN_ACTIVE_KID":   group.ActiveKid,
				"OFFLOAD_SESSION_TOKEN_ISSUER":       group.Issuer,
				"OFFLOAD_SESSION_TOKEN_AUDIENCE":     group.Audience,
				"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS": fmt.Sprint(int(group.ClockSkew.Seconds())),
			})
			for _, c := range group.Cases {
				t.Run(c.Name, func(t *testing.T) {
					answer := service.Current(t, harness.Bearer(c.Token))
					if c.Want != vectors.Valid {
						assert.Equal(t, string(c.Want), answer.Code(), c.Why)
						return
					}
					require.Equal(t, http.StatusOK, answer.Status, c.Why)
					var current struct {
						InstallID string `json:"install_id"`
					}
					answer.Decode(t, &current)
					assert.Equal(t, c.InstallID, current.InstallID)
				})
			}
		})
	}
	assert.Equal(t, 5, groups)
	assert.Equal(t, 588, cases)
}
