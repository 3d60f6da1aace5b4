package config_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
)

// TestKeysetRulesReadTheListAgain checks that keys are judged by the list as it is then, and that
// without a usable one none is accepted.
func TestKeysetRulesReadTheListAgain(t *testing.T) {
	tempDir(t)
	write(t, keysetName, setOf(hs256("k", strongA, signsFrom)), 0o600)
	write(t, "denied", "# none yet", 0o644)
	review := load(t, withKeyset("OFFLOAD_SECRET_DENYLIST_FILE=denied",
		"OFFLOAD_ENVIRONMENT=production"))
	assertFindings(t, nil, review.Faults)
	rules := review.KeysetRules(atNoon)
	added := []keys.Placed{{Key: keys.NewHS256("b", []byte(strongB), keys.Plan{}), Index: -1}}
	require.NoError(t, rules.Accept(added))
	for list, want := range map[string]string{
		strongB:         "key b is publicly known or on the list of denied secrets",
		strongA + "\rx": "cannot be judged: OFFLOAD_SECRET_DENYLIST_FILE names the file denied, of which ",
	} {
		write(t, "denied", list+"\n"+list, 0o644)
		require.ErrorContains(t, rules.Accept(added), want)
		assertNoSecret(t, rules.Accept(added).Error(), strongA, strongB)
	}
	require.NoError(t, os.Remove("denied"))
	var fault *securefile.Fault
	require.ErrorAs(t, rules.Accept(added), &fault)
	assert.Equal(t, "name a file that exists", fault.Remedy)
}
