package tuning_test

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/harness"
)

// TestInspectES256 inspects a session of an ES256 key, and the same one with the other value of s:
// a library would verify it, and sessiond rejects it.
func TestInspectES256(t *testing.T) {
	key := harness.ES256Key("v2-default", 7, harness.Noon)
	env := harness.NewKeyset(t, key).Env(nil)
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"ES256","kid":"v2-default","typ":"JWT"}`)) + "." +
		encode([]byte(payload()))
	signature := key.Sign([]byte(signed))
	other := append([]byte{}, signature...)
	order, ok := new(big.Int).SetString(
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	require.True(t, ok)
	order.Sub(order, new(big.Int).SetBytes(signature[32:])).FillBytes(other[32:])
	for text, reason := range map[string]token.Reason{
		signed + "." + encode(signature):                "",
		signed + "." + encode(other):                    token.ReasonSignature,
		signed + "." + encode(signature[:63]):           token.ReasonSignatureLength,
		signed + "." + strings.Repeat("A", 86):          token.ReasonSignature,
		"x" + signed[1:] + "." + encode(signature):      token.ReasonJSON,
		signed + "." + encode(signature) + "." + "AAAA": token.ReasonSegments,
	} {
		status, out := inspect(t, env, text, "--format", "json")
		var report cli.TokenReport
		require.NoError(t, json.Unmarshal([]byte(out), &report))
		assert.Equal(t, string(reason), report.Reason, text)
		assert.Equal(t, reason == "", status == 0)
	}
}
