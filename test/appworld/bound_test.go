package appworld_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/appworld"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// prove sends a request with a proof for it, made at a time, and with a token unless it is empty.
func prove(t *testing.T, key device.Key, at time.Time, method, url, token, nonce,
	body string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	claims := device.For(method, url, at).WithNonce(nonce)
	if token != "" {
		request.Header.Set("Authorization", "DPoP "+token)
		claims = claims.ForToken(token)
	}
	request.Header.Set("DPoP", key.Proof(claims))
	answer, err := client(t).Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, answer.Header, string(text)
}

// TestBoundSessionsAreUsedInBothPlaces binds a session with a clock that is a day behind, and uses
// it with the application, which gives nonces of its own.
func TestBoundSessionsAreUsedInBothPlaces(t *testing.T) {
	t.Parallel()
	world := start(t, map[string]string{"OFFLOAD_SESSION_BINDING": "accept"})
	key := device.New(1)
	yesterday := time.Date(2026, time.February, 15, 12, 0, 0, 0, time.UTC)
	var token string
	twice := func(method, url, body string) string {
		status, header, text := prove(t, key, yesterday, method, url, token, "", body)
		require.Equal(t, 401, status, text)
		require.Equal(t, "proof_nonce_required", header.Get("X-Error-Code"))
		nonce := header.Get("DPoP-Nonce")
		status, _, text = prove(t, key, yesterday, method, url, token, nonce, body)
		require.Equal(t, 200, status, text)
		return text
	}
	var session harness.Session
	require.NoError(t, json.Unmarshal([]byte(twice("POST", world.Sessions+harness.IssuePath,
		harness.IssueBody(key.Thumbprint))), &session))
	token = session.Token
	assert.JSONEq(t, `{"method":"PUT","path":"/echo/a","body":"x","install_id":"`+key.Thumbprint+
		`","binding":"key"}`, twice("PUT", world.Application+"/echo/a", "x"))
	status, header, _ := send(t, "GET", world.Application+"/echo", token, "")
	assert.Equal(t, 401, status)
	assert.Equal(t, "invalid_token", header.Get("X-Error-Code"), "a bound token as Bearer")
	assert.Equal(t, appworld.Seen{Issued: 1, SessionRequests: 2, ApplicationRequests: 3, Tokens: 1,
		Proofs: 4}, world.Seen())
}

func TestWorldWithoutBindingRefusesDPoP(t *testing.T) {
	t.Parallel()
	world := start(t, nil)
	token := issue(t, world, "")
	status, header, _ := prove(t, device.New(1), time.Now(), "GET", world.Application+"/echo", token,
		"", "")
	assert.Equal(t, 401, status)
	assert.Equal(t, "unauthorized", header.Get("X-Error-Code"))
}
