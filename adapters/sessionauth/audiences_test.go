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
