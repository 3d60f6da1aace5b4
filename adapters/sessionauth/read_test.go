package sessionauth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
)

// What an issuer publishes, or somebody in its place, never makes a secret: whoever reads a set
// could sign with it.
func TestNoSecretIsTakenFromASet(t *testing.T) {
	secret, published := keys.NewHS256("evil", []byte(strong), keys.Plan{}), pair("pair", 1)
	asSecret := keys.NewHS256("pair", published.Public(), keys.Plan{})
	k := base64.RawURLEncoding.EncodeToString([]byte(strong))
	x := base64.RawURLEncoding.EncodeToString(published.Public())
	for name, evil := range map[string]string{
		"a secret":                     `{"kty":"oct","alg":"HS256","kid":"evil","k":"` + k + `"}`,
		"a secret of a keyset":         `{"kty":"oct","alg":"HS256","kid":"evil","use":"sig","k":"` + k + `","sign_from":"1999-01-01T00:00:00Z"}`,
		"a secret that says EdDSA":     `{"kty":"oct","alg":"EdDSA","kid":"evil","k":"` + k + `"}`,
		"a pair that says HS256":       `{"kty":"OKP","crv":"Ed25519","alg":"HS256","kid":"evil","k":"` + k + `","x":"` + k + `"}`,
		"a secret with a pair's parts": `{"kty":"oct","crv":"Ed25519","alg":"EdDSA","kid":"evil","k":"` + k + `","x":"` + x + `"}`,
		"the pair's id once more":      `{"kty":"oct","alg":"HS256","kid":"pair","k":"` + x + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := publishes(t, published)
				first.body = strings.Replace(first.body, `{"keys":[`, `{"keys":[`+evil+`,`, 1)
				w := newWorld(t, first)
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				assert.Equal(t, "invalid_token", w.code(mint(t, secret)),
					"signed with the secret that was published")
				assert.Equal(t, "invalid_token", w.code(mint(t, asSecret)),
					"signed with the public key as a secret")
				assert.Equal(t, "invalid_token",
					w.code(jws(t, "HS256", mint(t, published), published.Public())),
					"the same as a JWS")
				assert.Equal(t, "invalid_token",
					w.code(jws(t, "HS256", mint(t, published), []byte(strong))))
				assert.Equal(t, "invalid_token", w.code(jws(t, "none", mint(t, published), nil)))
				assert.Equal(t, "ok", w.code(mint(t, published)))
			})
		})
	}
}

// jws takes the claims of a JWS and signs them by HMAC-SHA256, under a header that names another
// algorithm.
func jws(t *testing.T, algorithm, sound string, secret []byte) string {
	t.Helper()
	parts := strings.Split(sound, ".")
	require.Len(t, parts, 3)
	header, err := json.Marshal(map[string]string{"alg": algorithm, "kid": "pair", "typ": "JWT"})
	require.NoError(t, err)
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + parts[1]
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(mac.Sum(nil),
		make([]byte, 32)...))
}

func TestKeysBesideComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, fake, published := keys.NewHS256("own", []byte(strong), keys.Plan{}),
			pair("own", 2), pair("pair", 1)
		w := newWorld(t, publishes(t, fake, published), secret)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		assert.Equal(t, "ok", w.code(mint(t, secret)))
		assert.Equal(t, "invalid_token", w.code(mint(t, fake)),
			"an id that was given belongs to its key")
		assert.Equal(t, "ok", w.code(mint(t, published)))
	})
	_, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: jwksURL,
		Additional: []keys.Key{pair("a", 1), pair("b", 1)}})
	assert.ErrorAs(t, err, new(keys.Faults))
}

func TestURL(t *testing.T) {
	for text, want := range map[string]error{
		"https://issuer.test/.well-known/jwks.json": nil, "HTTPS://issuer.test": nil,
		"https://issuer.test:8443/keys?v=1": nil,
		"http://127.0.0.1:8080/":            nil, "http://127.8.9.1/": nil,
		"http://[::1]:8080/":     nil,
		"http://localhost:8080/": nil,
		"http://issuer.test/":    sessionauth.ErrHTTP, "http://10.0.0.1/": sessionauth.ErrHTTP,
		"http://127.0.0.1.evil.test/": sessionauth.ErrHTTP,
		"http://localhost.evil.test/": sessionauth.ErrHTTP, "http://0.0.0.0/": sessionauth.ErrHTTP,
		"": sessionauth.ErrURL, "issuer.test": sessionauth.ErrURL, "/jwks.json": sessionauth.ErrURL,
		"https:///jwks.json":                sessionauth.ErrURL,
		"https://user:hunter2@issuer.test/": sessionauth.ErrURL,
		"https://issuer.test/#a":            sessionauth.ErrURL,
		"file:///etc/passwd":                sessionauth.ErrURL,
		"ftp://issuer.test/":                sessionauth.ErrURL,
		"https:issuer.test":                 sessionauth.ErrURL,
		"https://issuer.test/\x7f":          sessionauth.ErrURL,
	} {
		_, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: text})
		assert.ErrorIs(t, err, want, "%q", text)
		if err != nil {
			assert.NotContains(t, err.Error(), "issuer.test")
		}
	}
	_, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: "http://issuer.test/",
		AllowHTTP: true})
	assert.NoError(t, err)
}

// On plain http a proxy could put in keys of its own.
func TestProxyOfTheOwnClient(t *testing.T) {
	for address, want := range map[string]string{"https://issuer.test/": proxy,
		"http://issuer.test/": "<nil>"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		by, err := sessionauth.ProxyFor(request)
		require.NoError(t, err)
		if want == "<nil>" {
			assert.Nil(t, by, address)
			continue
		}
		require.NotNil(t, by, address)
		assert.Equal(t, want, by.String())
	}
}

// The package's own client, on real sockets.
func TestOwnClient(t *testing.T) {
	key := pair("a", 1)
	followed, kept := false, 0
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, r *http.Request) {
		if !r.Close {
			kept++
		}
		_, _ = io.WriteString(w, set(t, key))
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/target", http.StatusFound)
	})
	mux.HandleFunc("/target", func(w http.ResponseWriter, _ *http.Request) {
		followed = true
		_, _ = io.WriteString(w, set(t, key))
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", 1<<17))
		_, _ = io.WriteString(w, set(t, key))
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, set(t, key))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	secure := httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that hangs up is what is tested
	secure.StartTLS()
	defer secure.Close()
	for name, c := range map[string]struct {
		url    string
		client *http.Client
		want   error
	}{
		"good": {server.URL + "/good", nil, nil},
		"a redirect": {server.URL + "/elsewhere", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshStatus, Status: 302}},
		"a redirect, by client": {server.URL + "/elsewhere", &http.Client{},
			&sessionauth.RefreshError{Reason: sessionauth.RefreshStatus, Status: 302}},
		"long headers": {server.URL + "/long", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshUnreachable}},
		"a body that breaks": {server.URL + "/broken", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshUnreachable}},
		"a body without end": {server.URL + "/endless", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshTooLarge}},
		"nobody there": {"http://127.0.0.1:1/", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshUnreachable}},
		"a strange certificate": {secure.URL + "/good", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshCertificate}},
		"a known certificate": {secure.URL + "/good", secure.Client(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: c.url, Client: c.client})
			require.NoError(t, err)
			defer jwks.Close()
			err = jwks.Start(context.Background())
			if c.client != nil {
				c.client.CloseIdleConnections()
			}
			if c.want == nil {
				require.NoError(t, err)
				assert.Equal(t, "ok", send(verifier(t, jwks), "Bearer "+mint(t, key)).code())
				return
			}
			assert.Equal(t, c.want, err)
		})
	}
	assert.False(t, followed)
	assert.Equal(t, 1, kept, "the package's own client keeps no connection between two readings")
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
