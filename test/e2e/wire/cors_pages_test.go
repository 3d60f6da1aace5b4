package wire_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// sendPreflight sends a preflight of a page for a method, with headers as a tracing library adds
// them.
func sendPreflight(t *testing.T, client *harness.Client, path, page, method string) harness.Response {
	t.Helper()
	return client.Send(t, http.MethodOptions, path, "", harness.Header{"Origin", page},
		harness.Header{"Access-Control-Request-Method", method},
		harness.Header{"Access-Control-Request-Headers", "baggage,content-type,traceparent"})
}

// TestCORSInDevelopment shows which pages may use a service that is not configured for any.
func TestCORSInDevelopment(t *testing.T) {
	t.Parallel()
	const local, allowOrigin = "http://localhost:5173", "Access-Control-Allow-Origin"
	development, strict := harness.Start(t, nil), harness.Start(t, harness.Production(nil))

	answer := sendPreflight(t, development.Client, harness.IssuePath, local, "POST")
	assert.Equal(t, http.StatusNoContent, answer.Status)
	assert.Equal(t, local, answer.Header.Get(allowOrigin))
	assert.Equal(t, "*, Authorization, Content-Type, DPoP",
		answer.Header.Get("Access-Control-Allow-Headers"))
	answer = development.Current(t, harness.Header{"Origin", "http://[::1]:3000"})
	assert.Equal(t, http.StatusUnauthorized, answer.Status)
	assert.Equal(t, "http://[::1]:3000", answer.Header.Get(allowOrigin), "errors too")
	for _, refused := range []harness.Response{
		sendPreflight(t, development.Client, harness.IssuePath, "http://localhost.example", "POST"),
		sendPreflight(t, strict.Client, harness.IssuePath, local, "POST"),
	} {
		assert.Equal(t, http.StatusMethodNotAllowed, refused.Status)
		assert.Empty(t, refused.Header.Values(allowOrigin))
	}
	for _, path := range []string{"/.well-known/jwks.json", "/openapi.json"} {
		answer = sendPreflight(t, strict.Client, path, "https://any.example", "GET")
		assert.Equal(t, http.StatusNoContent, answer.Status, path)
		assert.Equal(t, "*", answer.Header.Get(allowOrigin), path)
		assert.Equal(t, "*", strict.Send(t, "GET", path, "").Header.Get(allowOrigin), path)
	}
}

// TestCORSRefusalsAreLogged shows that an operator learns of a page that is refused, and that pages
// cannot fill the log.
func TestCORSRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(nil))
	for range 3 {
		sendPreflight(t, service.Client, harness.IssuePath, "https://app.example.com", "POST")
	}
	const pages = 30
	for n := range pages {
		sendPreflight(t, service.Client, harness.IssuePath, fmt.Sprintf("https://page-%d.example", n), "POST")
	}
	line := service.Log.Await(t, "cors_refused")
	assert.Equal(t, "INFO", line.String("level"))
	assert.Equal(t, harness.IssuePath, line.String("path"))
	assert.Contains(t, line.String("remedy"), "OFFLOAD_CORS_ALLOWED_ORIGINS")
	assert.Zero(t, service.Stop(t))
	written, counted := 0, 0
	for _, line := range service.Log.Of("cors_refused") {
		if line.String("remedy") != "" {
			written++
		}
		counted += line.Int("suppressed")
	}
	assert.Equal(t, pages+1, written+counted, "each page is written or counted once")
	assert.GreaterOrEqual(t, written, 10)
	assert.NotContains(t, service.Log.Text(), "example")
}
