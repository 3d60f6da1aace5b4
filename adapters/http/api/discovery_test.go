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
	response := newTestAPI().do(get(discoveryPath))
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, `{"issuer":"https://sessions.example.com",`+
		`"jwks_uri":"https://sessions.example.com/.well-known/jwks.json",`+
		`"id_token_signing_alg_values_supported":["EdDSA","ES256"],`+
		`"subject_types_supported":["pairwise"],"response_types_supported":[]}`, text(t, response))
	tag := response.Header.Get("ETag")
	require.Regexp(t, `^"[^",]+"$`, tag, "one strong validator")
	assert.Equal(t, http.Header{
		"Access-Control-Allow-Origin": {"*"},
		"Content-Type":                {"application/json"},
		"Cache-Control":               {"public, max-age=300"},
		"Etag":                        {tag},
		"X-Request-Id":                {"request-1"},
	}, response.Header)
	kept := newTestAPI().do(get(discoveryPath, "If-None-Match", tag))
	assert.Equal(t, 304, kept.StatusCode)
	assert.Empty(t, text(t, kept))

	// Neither the host nor the scheme of the request has a part in it.
	other := get(discoveryPath, "X-Forwarded-Host", "attacker.example", "X-Forwarded-Proto", "http")
	other.Host = "attacker.example"
	assert.Equal(t, tag, newTestAPI().do(other).Header.Get("ETag"))
}

// TestDiscoveryMethods checks that scripts of any page may read the document, and which methods
// there are.
func TestDiscoveryMethods(t *testing.T) {
	head := get(discoveryPath)
	head.Method = http.MethodHead
	assert.Equal(t, 200, newTestAPI().do(head).StatusCode)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		r := get(discoveryPath)
		r.Method = method
		response := newTestAPI().do(r)
		assert.Equal(t, 405, response.StatusCode, method)
		assert.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
		assert.Equal(t, []string{"no-store"}, response.Header.Values("Cache-Control"))
	}
	preflight := get(discoveryPath, "Origin", "https://page.example",
		"Access-Control-Request-Method", "GET")
	preflight.Method = http.MethodOptions
	response := newTestAPI().do(preflight)
	assert.Equal(t, 204, response.StatusCode)
	assert.Equal(t, "*", response.Header.Get("Access-Control-Allow-Origin"))
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
		d := newTestAPI()
		d.api.Issuer, d.api.PublicOrigins = issuer, originsOf(origins...)
		response, unknown := d.do(get(discoveryPath)), d.do(get("/unknown"))
		assert.Equal(t, 404, response.StatusCode, issuer)
		assert.Equal(t, unknown.Header, response.Header, issuer)
		assert.Equal(t, text(t, unknown), text(t, response), issuer)
	}
	for _, path := range []string{discoveryPath + "/", "/.well-known/openid-configuration.json",
		"/.well-known/oauth-authorization-server", "/x/.well-known/openid-configuration"} {
		assert.Equal(t, 404, newTestAPI().do(get(path)).StatusCode, path)
	}
}
