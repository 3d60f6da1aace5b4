package sessionauth_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
)

// TestSessionHidesInstallID formats a session with every verb of fmt, alone and inside the values
// that a service may log.
func TestSessionHidesInstallID(t *testing.T) {
	const id = "kT7pXw29-shibboleth"
	noon := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	session := sessionauth.Session{InstallID: id, KeyID: "kid", Issuer: issuerName,
		Audience: audience, IssuedAt: noon, NotBefore: noon, ExpiresAt: noon.Add(time.Hour),
		Binding: sessionauth.BoundToNone}
	for name, value := range map[string]any{
		"value": session, "pointer": &session, "list": []sessionauth.Session{session},
		"map":   map[string]sessionauth.Session{"a": session},
		"field": struct{ Session sessionauth.Session }{session},
		"error": fmt.Errorf("session: %v", session),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			shown := fmt.Sprintf(verb, value)
			assert.NotContains(t, shown, id, "%s with %s", name, verb)
			assert.NotContains(t, shown, fmt.Sprintf("%x", id), "%s with %s", name, verb)
			assert.NotContains(t, shown, fmt.Sprintf("%X", id), "%s with %s", name, verb)
		}
		written, err := json.Marshal(value)
		require.NoError(t, err)
		assert.NotContains(t, string(written), id, name)
	}
	assert.Equal(t, "{InstallID:[install id] KeyID:kid Issuer:offload-backend "+
		"Audience:offload-ios IssuedAt:2026-02-16 12:00:00 +0000 UTC "+
		"NotBefore:2026-02-16 12:00:00 +0000 UTC ExpiresAt:2026-02-16 13:00:00 +0000 UTC Binding:none}",
		fmt.Sprintf("%+v", session))
}
