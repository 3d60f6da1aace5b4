package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	discoveryPath   = "/.well-known/openid-configuration"
	discoveryIssuer = "https://sessions.example.com"
)

func TestDiscovery(t *testing.T) {
	answer := newDesk().do(get(discoveryPath))
	assert.Equal(t, 200, answer.StatusCode)
	assert.Equal(t, `{"issuer":"https://sessions.example.com",`+
		`"jwks_uri":"https://sessions.example.com/.well-known/jwks.json",`+
		`"id_token_signing_alg_values_supported":["EdDSA","ES256"],`+
		`"subject_types_supported":["pairwise"],"response_types_supported":[]}`, text(t, answer))
	tag := answer.Header.Get("ETag")
	require.Regexp(t, `^"[^",]+"$`, tag, "one strong validator")
	assert.Equal(t, http.Header{
		"Access-Control-Allow-Origin": {"*"},
		"Content-Type":                {"application/json"},
		"Cache-Control":               {"public, max-age=300"},
		"Etag":                        {tag},
		"X-Request-Id":                {"request-1"},
	}, answer.Header)
	kept := newDesk().do(get(discoveryPath, "If-None-Match", tag))
	assert.Equal(t, 304, kept.StatusCode)
	assert.Empty(t, text(t, kept))

	// Neither the host nor the scheme of the request has a part in it.
	other := get(discoveryPath, "X-Forwarded-Host", "attacker.example", "X-Forwarded-Proto", "http")
	other.Host = "attacker.example"
	assert.Equal(t, tag, newDesk().do(other).Header.Get("ETag"))
}

// TestDiscoveryMethods checks that scripts of any page may read the document, and which methods
// there are.
func TestDiscoveryMethods(t *testing.T) {
	head := get(discoveryPath)
	head.Method = http.MethodHead
	assert.Equal(t, 200, newDesk().do(head).StatusCode)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		r := get(discoveryPath)
		r.Method = method
		answer := newDesk().do(r)
		assert.Equal(t, 405, answer.StatusCode, method)
		assert.Equal(t, "GET, HEAD", answer.Header.Get("Allow"))
		assert.Equal(t, []string{"no-store"}, answer.Header.Values("Cache-Control"))
	}
	preflight := get(discoveryPath, "Origin", "https://page.example",
		"Access-Control-Request-Method", "GET")
	preflight.Method = http.MethodOptions
	answer := newDesk().do(preflight)
	assert.Equal(t, 204, answer.StatusCode)
	assert.Equal(t, "*", answer.Header.Get("Access-Control-Allow-Origin"))
}

// TestNoDiscovery checks that the path is unknown unless the issuer is a public origin, byte for
// byte.
func TestNoDiscovery(t *testing.T) {
	for issuer, origins := range map[string][]string{
		"offload-backend":               {discoveryIssuer},
		discoveryIssuer:                 nil,
		discoveryIssuer + "/":           {discoveryIssuer},
		"https://Sessions.example.com":  {discoveryIssuer},
		"https://sessions.example.com.": {discoveryIssuer},
		"":                              {},
	} {
		d := newDesk()
		d.api.Issuer, d.api.PublicOrigins = issuer, originsOf(origins...)
		answer, unknown := d.do(get(discoveryPath)), d.do(get("/unknown"))
		assert.Equal(t, 404, answer.StatusCode, issuer)
		assert.Equal(t, unknown.Header, answer.Header, issuer)
		assert.Equal(t, text(t, unknown), text(t, answer), issuer)
	}
	for _, path := range []string{discoveryPath + "/", "/.well-known/openid-configuration.json",
		"/.well-known/oauth-authorization-server", "/x/.well-known/openid-configuration"} {
		assert.Equal(t, 404, newDesk().do(get(path)).StatusCode, path)
	}
}
