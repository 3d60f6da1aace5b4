package verify_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// discovered is what a generic verifier reads of the document.
type discovered struct {
	Issuer     string
	JWKS       string   `json:"jwks_uri"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	Subjects   []string `json:"subject_types_supported"`
	Responses  []string `json:"response_types_supported"`
}

// TestDiscoveryNamesTheKeys starts the service under two origins, of which one is its issuer, and
// verifies a session as a generic verifier does: by the issuer's document, the keys that it names,
// and the algorithms that it lists.
func TestDiscoveryNamesTheKeys(t *testing.T) {
	t.Parallel()
	const issuer, other = "https://sessions.example.com", "https://app.example.com"
	path := filepath.Join(t.TempDir(), "keyset.json")
	env := harness.ProductionKeyset(path).With(harness.Env{
		"OFFLOAD_PUBLIC_ORIGINS": other + ", " + issuer, "OFFLOAD_SESSION_TOKEN_ISSUER": issuer})
	harness.KeysCommand(t, env, "create", "--kid", "point", "--alg", "ES256")
	service := harness.Start(t, env)

	answer := service.Send(t, http.MethodGet, harness.DiscoveryPath, "",
		harness.Header{"Origin", "https://any.example"})
	require.Equal(t, http.StatusOK, answer.Status)
	assert.Equal(t, "*", answer.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "public, max-age=300", answer.Header.Get("Cache-Control"))
	var document discovered
	answer.Decode(t, &document)
	assert.Equal(t, discovered{Issuer: issuer, JWKS: issuer + harness.JWKSPath,
		Algorithms: []string{"EdDSA", "ES256"}, Subjects: []string{"pairwise"},
		Responses: []string{}}, document)
	for _, host := range []string{"app.example.com", "attacker.example"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			"http://"+service.Public+harness.DiscoveryPath, http.NoBody)
		require.NoError(t, err)
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, answer.Header.Get("ETag"), response.Header.Get("ETag"),
			"the document does not depend on the host %s", host)
	}
	kept := service.Send(t, http.MethodGet, harness.DiscoveryPath, "",
		harness.Header{"If-None-Match", answer.Header.Get("ETag")})
	assert.Equal(t, http.StatusNotModified, kept.Status)
	assert.Equal(t, http.StatusMethodNotAllowed, service.Send(t, http.MethodPost,
		harness.DiscoveryPath, "{}").Status)

	token := service.Token(t, "install-12345")
	stamp := harness.StampOf(t, token)
	assert.Equal(t, keys.ES256, stamp.Algorithm)
	assert.True(t, slices.Contains(document.Algorithms, string(stamp.Algorithm)))
	// The origin of jwks_uri is that of a proxy that this test does not have.
	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: "http://" + service.Public +
		document.JWKS[len(issuer):]})
	require.NoError(t, err)
	t.Cleanup(jwks.Close)
	require.NoError(t, jwks.Start(t.Context()))
	verifier, err := sessionauth.New(sessionauth.Config{Issuer: document.Issuer,
		Audience: "offload-ios", ClockSkew: 2 * time.Second, Keys: jwks})
	require.NoError(t, err)
	session, err := verifier.Authenticate(t.Context(),
		sessionauth.Credentials{Authorization: []string{"Bearer " + token}})
	require.NoError(t, err)
	assert.Equal(t, "install-12345", session.InstallID)
	assert.Equal(t, "point", session.KeyID)
}

// TestNoDiscoveryWithoutTheIssuer shows that there is no document unless the issuer is a public
// origin: a verifier would trust keys for an issuer that does not publish them.
func TestNoDiscoveryWithoutTheIssuer(t *testing.T) {
	t.Parallel()
	const issuer = "https://sessions.example.com"
	for name, env := range map[string]harness.Env{
		"no origins":       {"OFFLOAD_SESSION_TOKEN_ISSUER": issuer},
		"another origin":   {"OFFLOAD_SESSION_TOKEN_ISSUER": issuer, "OFFLOAD_PUBLIC_ORIGINS": "https://app.example.com"},
		"the usual issuer": {"OFFLOAD_PUBLIC_ORIGINS": issuer},
	} {
		service := harness.Start(t, harness.Production(env))
		answer := service.Send(t, http.MethodGet, harness.DiscoveryPath, "")
		assert.Equal(t, http.StatusNotFound, answer.Status, name)
		assert.Equal(t, "not_found", answer.Code(), name)
	}
}
