package sessionauth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/vectors"
)

// TestVectors sends every test vector that a header can carry through the middleware. The keys of
// each group are fixed.
func TestVectors(t *testing.T) {
	run := map[string]int{}
	for _, group := range vectors.Groups() {
		fixed, err := sessionauth.NewFixed(keysOf(t, group)...)
		require.NoError(t, err)
		run[group.Name] = runGroup(t, group, fixed)
	}
	assert.Equal(t, map[string]int{
		"": 539, "compact, odd text": 29, "compact, clock skew 0": 15, "compact, clock skew 2": 15,
		"compact, clock skew 60":       15,
		"compact, last second of 9999": 4, "compact, keys of a keyset": 30, "JWS": 322,
		"JWS, clock skew 60": 15,
	}, run, "number of cases in each group")
}

// TestVectorsByJWKS does the same with the public keys of each group read from an issuer. The other
// keys are additional keys.
func TestVectorsByJWKS(t *testing.T) {
	run := map[string]int{}
	for _, group := range vectors.Groups() {
		all := keysOf(t, group)
		var additional []keys.Key
		for _, key := range all {
			if key.Algorithm() == keys.HS256 {
				additional = append(additional, key)
			}
		}
		if len(additional) == len(all) {
			continue // nothing is published
		}
		keyring, err := keys.NewKeyring(all...)
		require.NoError(t, err)
		published := keys.FormatPublic(keyring, group.Now.Time)
		w := newService(t, reply{status: http.StatusOK, body: published}, additional...)
		t.Cleanup(w.jwks.Close)
		require.NoError(t, w.jwks.Start(t.Context()))
		run[group.Name] = runGroup(t, group, w.jwks)
	}
	assert.Equal(t, map[string]int{"JWS": 322, "JWS, clock skew 60": 15}, run,
		"number of cases in each group")
}

// runGroup runs a group, and returns how many of its cases a header can carry.
func runGroup(t *testing.T, group vectors.Group, with sessionauth.Keys) int {
	t.Helper()
	v, err := sessionauth.New(sessionauth.Config{
		Issuer: group.Issuer, Audience: group.Audience, ClockSkew: group.ClockSkew.Duration,
		Keys: with,
		Now:  func() time.Time { return group.Now.Time },
	})
	require.NoError(t, err)
	ran := 0
	for _, c := range group.Cases {
		if c.Token == "" || c.Token != strings.Trim(c.Token, " \t") {
			// White space at both ends is not part of a field value (RFC 9110 §5.5), and an empty
			// token is no credentials.
			continue
		}
		ran++
		t.Run(c.Name, func(t *testing.T) {
			got := send(v, "Bearer "+c.Token)
			if c.Want == vectors.Valid {
				assert.Equal(t, http.StatusOK, got.Code, c.Why)
				assert.Equal(t, []rune(c.InstallID), []rune(got.Body.String()))
				return
			}
			assert.Equal(t, http.StatusUnauthorized, got.Code)
			assert.Equal(t, string(c.Want), got.code(), c.Why)
		})
	}
	return ran
}

// keysOf returns the keys of a group, made with the functions that a service uses.
func keysOf(t *testing.T, group vectors.Group) []keys.Key {
	t.Helper()
	if group.Keyset != nil {
		all, err := sessionauth.Keyset(group.Keyset)
		require.NoError(t, err)
		return all
	}
	var all []keys.Key
	for kid, text := range group.Keys {
		key, err := sessionauth.Secret(kid, text)
		require.NoError(t, err)
		all = append(all, key)
	}
	return all
}
