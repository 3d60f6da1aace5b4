package wire_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// CORS with the built binary, with requests as browsers send them.

func TestCORS(t *testing.T) {
	t.Parallel()
	const page, stranger = "https://app.example.com", "https://evil.example"
	service := harness.Start(t, harness.Production(
		harness.Env{"OFFLOAD_CORS_ALLOWED_ORIGINS": page +
			",http://localhost:3000", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
			"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400"}))
	origin := func(of string) harness.Header { return harness.Header{"Origin", of} }
	method := harness.Header{"Access-Control-Request-Method", "POST"}

	preflight := service.Send(t, http.MethodOptions, harness.IssuePath, "", origin(page), method,
		harness.Header{"Access-Control-Request-Headers", "content-type"})
	assert.Equal(t, http.StatusNoContent, preflight.Status)
	assert.Empty(t, preflight.Body)
	assert.Equal(t, page, preflight.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "POST", preflight.Header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "*, Authorization, Content-Type, DPoP",
		preflight.Header.Get("Access-Control-Allow-Headers"))
	assert.Empty(t, preflight.Header.Values("Access-Control-Allow-Credentials"))
	assert.Equal(t, "no-store", preflight.Header.Get("Cache-Control"))
	assert.NotEmpty(t, preflight.Header.Get("X-Request-ID"))
	assert.Equal(t, http.StatusMethodNotAllowed,
		service.Send(t, http.MethodOptions, harness.IssuePath, "", origin(stranger), method).Status)

	token := service.Issue(t, "install-12345", origin(page)).Session(t).Token
	refused := service.Issue(t, "install-67890", origin(page))
	assert.Equal(t, http.StatusTooManyRequests, refused.Status,
		"a preflight must not count against the limit of one")
	for name, answer := range map[string]harness.Response{
		"throttled": refused,
		"current":   service.Current(t, origin(page), harness.Bearer(token)),
		"401":       service.Current(t, origin(page)),
		"405":       service.Send(t, http.MethodDelete, "/v1/sessions/current", "", origin(page)),
		"422":       service.Send(t, http.MethodPost, harness.IssuePath, "{", origin(page)),
	} {
		assert.Equal(t, page, answer.Header.Get("Access-Control-Allow-Origin"), name)
		exposed := strings.ToLower(answer.Header.Get("Access-Control-Expose-Headers"))
		assert.Equal(t,
			"retry-after, ratelimit, ratelimit-policy, x-request-id, x-error-code, www-authenticate, "+
				"dpop-nonce, date", exposed, name)
		assert.Equal(t, []string{"Origin"}, answer.Header.Values("Vary"), name)
	}
	for name, answer := range map[string]harness.Response{
		"a page of an unknown origin": service.Current(t, origin(stranger), harness.Bearer(token)),
		"verify": service.Send(t, "GET", "/v1/sessions/verify", "", origin(page),
			harness.Bearer(token)),
		"a preflight of verify": service.Send(t, "OPTIONS", "/v1/sessions/verify", "", origin(page),
			method),
		"health": service.Send(t, "GET", "/v1/health", "", origin(page)),
	} {
		for header := range answer.Header {
			assert.False(t, strings.HasPrefix(header, "Access-Control-"), "%s: %s", name, header)
		}
	}
	metrics := service.Operations(t, "GET", "/metrics").Body
	assert.Contains(t, metrics,
		`offload_http_requests_total{method="OPTIONS",route="/v1/sessions/anonymous",status="204"} 1`)
	for _, word := range []string{"example.com", "evil"} {
		assert.NotContains(t, metrics, word, "a caller must not be able to create a series")
		assert.NotContains(t, service.Log.Text(), word)
	}
}
