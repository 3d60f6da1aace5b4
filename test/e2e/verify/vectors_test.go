package verify_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/vectors"
)

// TestVectors runs the contract's test vectors over HTTP: every group, with its keys in a
// variable or in a file, and every token that a header can carry.
func TestVectors(t *testing.T) {
	t.Parallel()
	ran := map[string]int{}
	for _, group := range vectors.Groups() {
		var cases []vectors.Case
		for _, c := range group.Cases {
			if carried(c.Token) {
				cases = append(cases, c)
			}
		}
		ran[group.Name] = len(cases)
		t.Run("group "+group.Name, func(t *testing.T) {
			t.Parallel()
			service := harness.ServeAt(t, group.Now.Time, keysOf(t, group).With(harness.Env{
				"OFFLOAD_SESSION_TOKEN_ISSUER":       group.Issuer,
				"OFFLOAD_SESSION_TOKEN_AUDIENCE":     group.Audience,
				"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS": fmt.Sprint(int(group.ClockSkew.Seconds())),
			}))
			for _, c := range cases {
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
			if group.Now.Year() == 9999 {
				return // a new session would expire in a year that RFC 3339 cannot express
			}
			// The service signs with the active key of the group.
			assert.EqualValues(t, group.ActiveKid,
				harness.StampOf(t, service.Token(t, "install-12345")).Kid)
		})
	}
	assert.Equal(t, map[string]int{
		"": 539, "compact, odd text": 16, "compact, clock skew 0": 15, "compact, clock skew 2": 15,
		"compact, clock skew 60":       15,
		"compact, last second of 9999": 4, "compact, keys of a keyset": 30, "JWS": 322,
		"JWS, clock skew 60": 15,
	}, ran)
}

// keysOf returns an environment with the keys of a group, in the form that the group has them.
func keysOf(t *testing.T, group vectors.Group) harness.Env {
	t.Helper()
	if group.Keyset != nil {
		return harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": harness.SecretFile(t, 0o600,
			string(group.Keyset))}
	}
	keys, err := json.Marshal(group.Keys)
	require.NoError(t, err)
	return harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": string(keys),
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": group.ActiveKid}
}

// carried reports whether a header can carry a token unchanged: a field value has no control
// characters and no leading or trailing white space (RFC 9110 §5.5).
func carried(token string) bool {
	return token != "" && token == strings.Trim(token, " \t") &&
		!strings.ContainsFunc(token, func(c rune) bool { return c < ' ' || c == 0x7f })
}
