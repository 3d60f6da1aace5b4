package token_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

// TestInspectAgreesWithVerify compares both on every case of the contract.
func TestInspectAgreesWithVerify(t *testing.T) {
	seen := map[token.Reason]bool{}
	for _, group := range vectors.Groups() {
		keyring := keyringOf(t, group)
		settings := session.Settings{Issuer: group.Issuer, Audience: group.Audience,
			ClockSkew: group.ClockSkew.Duration}
		for _, c := range group.Cases {
			_, err := token.Verify(c.Token, keyring, settings, group.Now.Time)
			found := token.Inspect(c.Token, keyring, settings, group.Now.Time)
			var want token.Reason
			if rejection, ok := errors.AsType[*token.Rejection](err); ok {
				want = rejection.Reason
			}
			require.Equal(t, want, found.Reason(), c.Name)
			require.Equal(t, err == nil, found.Accepted(), c.Name)
			seen[want] = true
			for i, check := range found.Checks {
				assert.Equal(t, i+1, check.Number)
				assert.NotEmpty(t, check.Requires)
				assert.Equal(t, check.Verdict == token.Failed, check.Reason != "", c.Name)
			}
			// Without keys, it is the same but for checks 7 and 8.
			keyless := token.Inspect(c.Token, nil, settings, group.Now.Time)
			assert.False(t, keyless.Accepted())
			for i := range keyless.Checks {
				want := found.Checks[i]
				if number := i + 1; (number == 7 || number == 8) &&
					found.Checks[5].Verdict == token.Passed {
					want.Verdict, want.Reason = token.NotMade, ""
				}
				assert.Equal(t, want, keyless.Checks[i], c.Name)
			}
		}
	}
	for _, reason := range token.Reasons()[2:] {
		if reason == token.ReasonBinding {
			continue // only where sessions can be bound: TestVersions
		}
		assert.True(t, seen[reason], "no case is rejected for %s", reason)
	}
}

// TestInspectGoesOn checks that a check that fails leaves the later ones their verdicts.
func TestInspectGoesOn(t *testing.T) {
	payload := valid().with("aud", `"other"`, "iat", "1", "nbf", "1", "exp", "2")
	payload = append(payload, [2]string{"x", `"y"`})
	text := signed(payload.json())
	text = text[:len(text)-10] + "AAAAAAAAAA"
	found := token.Inspect(text, keyring, settings, noon)
	var failed []token.Reason
	for _, check := range found.Checks {
		if check.Verdict == token.Failed {
			failed = append(failed, check.Reason)
		}
	}
	assert.Equal(t, []token.Reason{token.ReasonSignature, token.ReasonAudience,
		token.ReasonExpired}, failed)
	assert.Contains(t, found.Payload, token.Member{Name: "x", Value: `"y"`})
}
