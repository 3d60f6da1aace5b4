package token_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/token"
)

// TestReasons pins the words that telemetry knows, in their order, and holds them against the package's table of checks.
func TestReasons(t *testing.T) {
	assert.Equal(t, []token.Reason{
		"missing", "credentials", "too_long", "segments", "encoding", "signature_length", "json",
		"header", "unknown_key", "algorithm",
		"signature", "claim_missing", "claim_type", "claim_bounds", "version", "issuer", "audience",
		"instants", "not_yet_valid", "expired",
	}, token.Reasons())

	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	documented := []token.Reason{token.ReasonMissing, token.ReasonCredentials} // they are about the header, not the token
	rows := regexp.MustCompile(`(?m)^//\t ?\d+  .*?([a-z_]+(?:, [a-z_]+)*)$`).FindAllStringSubmatch(
		string(text), -1)
	require.Len(t, rows, 12)
	for _, row := range rows {
		for _, word := range strings.Split(row[1], ", ") {
			documented = append(documented, token.Reason(word))
		}
	}
	assert.Equal(t, documented, token.Reasons())
}

func TestRejectionKinds(t *testing.T) {
	for _, reason := range token.Reasons() {
		want := failure.InvalidToken
		if own, has := map[token.Reason]failure.Kind{
			token.ReasonMissing: failure.Unauthorized, token.ReasonExpired: failure.ExpiredToken,
		}[reason]; has {
			want = own
		}
		rejection := &token.Rejection{Reason: reason}
		assert.Equal(t, want, failure.KindOf(fmt.Errorf("authenticate: %w", rejection)),
			string(reason))
		assert.Equal(t, "token rejected: "+string(reason), rejection.Error())
	}
	assert.Equal(t, failure.InvalidToken,
		(&token.Rejection{Reason: "a word to come"}).FailureKind())
}
