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

// TestReasons pins the words that telemetry uses, in their order, and compares them with the table
// of checks in the package comment.
func TestReasons(t *testing.T) {
	assert.Equal(t, []token.Reason{
		"missing", "credentials", "too_long", "segments", "encoding", "signature_length", "json",
		"header", "unknown_key", "algorithm",
		"signature", "claim_missing", "claim_type", "claim_bounds", "version", "binding",
		"issuer", "audience",
		"instants", "not_yet_valid", "expired",
	}, token.Reasons())

	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	// These two are about the Authorization header, not the token.
	documented := []token.Reason{token.ReasonMissing, token.ReasonCredentials}
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
		if own, ok := map[token.Reason]failure.Kind{
			token.ReasonMissing: failure.Unauthorized, token.ReasonExpired: failure.ExpiredToken,
		}[reason]; ok {
			want = own
		}
		rejection := &token.Rejection{Reason: reason}
		assert.Equal(t, want, failure.KindOf(fmt.Errorf("authenticate: %w", rejection)),
			string(reason))
		assert.Equal(t, "token rejected: "+string(reason), rejection.Error())
	}
	assert.Equal(t, failure.InvalidToken,
		(&token.Rejection{Reason: "a future reason"}).FailureKind())
}
