package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

// TestVectors runs every case of every group of the contract.
func TestVectors(t *testing.T) {
	run := map[string]int{}
	for _, group := range vectors.Groups() {
		keyring := keyringOf(t, group)
		settings := session.Settings{Issuer: group.Issuer, Audience: group.Audience,
			ClockSkew: group.ClockSkew.Duration}
		for _, c := range group.Cases {
			run[group.Name]++
			t.Run(c.Name, func(t *testing.T) {
				claims, err := token.Verify(c.Token, keyring, settings, group.Now.Time)
				if c.Want == vectors.Valid {
					require.NoError(t, err)
					assert.Equal(t, []rune(c.InstallID), []rune(claims.InstallID.Text()))
					return
				}
				require.Error(t, err)
				assert.Equal(t, string(c.Want), failure.KindOf(err).Code(), c.Why)
				assert.Equal(t, session.Claims{}, claims)
				rejection, ok := errors.AsType[*token.Rejection](err)
				require.True(t, ok)
				assert.Contains(t, token.Reasons(), rejection.Reason)
			})
		}
	}
	assert.Equal(t, map[string]int{
		"": 539, "compact, odd text": 35, "compact, clock skew 0": 15, "compact, clock skew 2": 15,
		"compact, clock skew 60":       15,
		"compact, last second of 9999": 4, "compact, keys of a keyset": 30, "JWS": 322,
		"JWS, clock skew 60": 15,
	}, run, "number of cases of each group")
	all := 0
	for _, cases := range run {
		all += cases
	}
	assert.Equal(t, 990, all)
}

// keyringOf returns the keyring of a group and checks that the active key signs at its instant.
func keyringOf(t testing.TB, group vectors.Group) *keys.Keyring {
	t.Helper()
	keyring, err := keys.ParseSet(string(group.Keyset))
	if group.Keyset == nil {
		keyring, err = keyringOfSecrets(t, group)
	}
	require.NoError(t, err)
	signer, ok := keyring.SignerAt(group.Now.Time)
	require.True(t, ok)
	require.Equal(t, group.ActiveKid, string(signer.ID()))
	return keyring
}

// keyringOfSecrets returns a keyring of the secrets of a group.
func keyringOfSecrets(t testing.TB, group vectors.Group) (*keys.Keyring, error) {
	t.Helper()
	var all []keys.Key
	for kid, secret := range group.Keys {
		id, ok := keys.ParseID(kid)
		require.True(t, ok)
		plan := keys.Plan{SignFrom: group.Now.Add(-time.Hour)}
		if kid == group.ActiveKid {
			plan.SignFrom = group.Now.Time
		}
		all = append(all, keys.NewHS256(id, []byte(strings.TrimSpace(secret)), plan))
	}
	return keys.NewKeyring(all...)
}
