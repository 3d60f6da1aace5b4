package sessionauth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// TestRefusesBoundSessions shows that a verifier that does not verify proofs refuses a session that
// is bound to a device key, with either scheme: a thief of the token would be taken for the
// device.
func TestRefusesBoundSessions(t *testing.T) {
	const thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	key := pair("a", 1)
	fixed, err := sessionauth.NewFixed(key)
	require.NoError(t, err)
	id, _ := session.ParseInstallID(thumbprint)
	for _, audience := range []string{"ios", "ios:bound"} {
		verifier, err := sessionauth.New(sessionauth.Config{Issuer: issuerName,
			Audiences: []string{"ios", "ios:bound"}, Keys: fixed})
		require.NoError(t, err)
		settings := session.Settings{Issuer: issuerName, BoundAudience: audience,
			Lifetime: time.Hour}
		text := token.Sign(settings.BoundClaims(id, key.ID(), time.Now()), key)
		for scheme, want := range map[string]token.Reason{"Bearer ": token.ReasonVersion,
			"DPoP ": token.ReasonMissing} {
			_, err := verifier.Authenticate(t.Context(),
				sessionauth.Credentials{Authorization: []string{scheme + text}})
			assert.Equal(t, &token.Rejection{Reason: want}, err, scheme+audience)
		}
	}
}

func TestAcceptsSeveralAudiences(t *testing.T) {
	key := pair("a", 1)
	fixed, err := sessionauth.NewFixed(key)
	require.NoError(t, err)
	given := []string{"ios", "android"}
	verifier, err := sessionauth.New(sessionauth.Config{Issuer: issuerName, Audiences: given,
		Keys: fixed})
	require.NoError(t, err)
	given[1] = "changed afterwards"
	id, _ := session.ParseInstallID(installID)
	for name, want := range map[string]bool{"ios": true, "android": true, "web": false,
		"ios,android": false, "ios android": false, "IOS": false, "changed afterwards": false} {
		settings := session.Settings{Issuer: issuerName, Audience: name, Lifetime: time.Hour}
		text := token.Sign(settings.Claims(id, key.ID(), time.Now()), key)
		verified, err := verifier.Authenticate(t.Context(),
			sessionauth.Credentials{Authorization: []string{"Bearer " + text}})
		if !want {
			assert.Error(t, err, name)
			continue
		}
		assert.NoError(t, err, name)
		assert.Equal(t, name, verified.Audience)
	}
}
