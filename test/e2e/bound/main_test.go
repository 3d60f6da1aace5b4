// Package bound_test tests sessions that are bound to device keys, over HTTP: the life of one, the
// contract's vectors, what each binding accepts, and that a proof is used once, by replicas
// together and during an outage.
package bound_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The URIs under which clients reach the service, and an application behind verify.
const (
	origin      = "https://sessions.example.com"
	application = "https://api.example.com"
	issueURI    = origin + harness.IssuePath
	currentPath = "/v1/sessions/current"
	verifyPath  = "/v1/sessions/verify"
	currentURI  = origin + currentPath
)

// env returns the environment of a service that binds sessions, and more. Its limits refuse
// nothing.
func env(binding string, more harness.Env) harness.Env {
	return harness.Env{
		"OFFLOAD_SESSION_SECRET": harness.StrongSecret, "OFFLOAD_SESSION_TTL_SECONDS": "120",
		"OFFLOAD_SESSION_BINDING": binding, "OFFLOAD_PUBLIC_ORIGINS": origin + "," + application,
		"OFFLOAD_LIMITER_DIGEST_KEY":                harness.OtherSecret,
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":        "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":   "10000",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL": "10000",
	}.With(more)
}

// dpop returns the header with a proof, and bound the one with a bound token.
func dpop(proof string) harness.Header { return harness.Header{"DPoP", proof} }

func bound(token string) harness.Header {
	return harness.Header{"Authorization", "DPoP " + token}
}

// issue requests a session for a key with a new proof at a time of its clock.
func issue(t testing.TB, client *harness.Client, key device.Key, at time.Time,
	headers ...harness.Header) harness.Response {
	t.Helper()
	return client.Issue(t, key.Thumbprint, append(headers,
		dpop(key.Proof(device.For(http.MethodPost, issueURI, at))))...)
}

// current requests the session of a bound token with a new proof.
func current(t testing.TB, client *harness.Client, key device.Key, token string,
	at time.Time) harness.Response {
	t.Helper()
	return client.Current(t, bound(token),
		dpop(key.Proof(device.For(http.MethodGet, currentURI, at).ForToken(token))))
}

// assertCode fails unless the response has the code and, with one code alone, a nonce, which it
// returns.
func assertCode(t testing.TB, answer harness.Response, code string, about ...any) (nonce string) {
	t.Helper()
	assert.Equal(t, code, answer.Code(), about...)
	challenges := map[string][]string{
		"unauthorized":         {`Bearer realm="offload"`, `DPoP algs="ES256 EdDSA"`},
		"invalid_token":        {`Bearer realm="offload", error="invalid_token"`},
		"expired_token":        {`Bearer realm="offload", error="invalid_token", error_description="expired"`},
		"invalid_proof":        {`DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`},
		"proof_nonce_required": {`DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`},
	}
	want, known := challenges[code]
	require.True(t, known || code == "", code)
	assert.Equal(t, want, answer.Header.Values("WWW-Authenticate"), about...)
	nonce = answer.Header.Get("DPoP-Nonce")
	assert.Equal(t, code == "proof_nonce_required", nonce != "", about...)
	status := http.StatusUnauthorized
	if code == "" {
		status = http.StatusOK
	}
	assert.Equal(t, status, answer.Status, about...)
	return nonce
}
