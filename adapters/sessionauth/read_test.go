package sessionauth_test

import (
	"compress/gzip"
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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
)

// TestIgnoresPublishedSecrets shows that a published set never adds an HS256 key, no matter who
// published it: anyone who reads the set could sign with it.
func TestIgnoresPublishedSecrets(t *testing.T) {
	secret, published := keys.NewHS256("evil", []byte(strong), keys.Plan{}), pair("pair", 1)
	asSecret := keys.NewHS256("pair", published.Public(), keys.Plan{})
	k := base64.RawURLEncoding.EncodeToString([]byte(strong))
	x := base64.RawURLEncoding.EncodeToString(published.Public())
	for name, evil := range map[string]string{
		"secret":                        `{"kty":"oct","alg":"HS256","kid":"evil","k":"` + k + `"}`,
		"secret of a keyset":            `{"kty":"oct","alg":"HS256","kid":"evil","use":"sig","k":"` + k + `","sign_from":"1999-01-01T00:00:00Z"}`,
		"secret with alg EdDSA":         `{"kty":"oct","alg":"EdDSA","kid":"evil","k":"` + k + `"}`,
		"OKP with alg HS256":            `{"kty":"OKP","crv":"Ed25519","alg":"HS256","kid":"evil","k":"` + k + `","x":"` + k + `"}`,
		"secret with OKP members":       `{"kty":"oct","crv":"Ed25519","alg":"EdDSA","kid":"evil","k":"` + k + `","x":"` + x + `"}`,
		"secret with the kid of a pair": `{"kty":"oct","alg":"HS256","kid":"pair","k":"` + x + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := publishes(t, published)
				first.body = strings.Replace(first.body, `{"keys":[`, `{"keys":[`+evil+`,`, 1)
				w := newService(t, first)
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				assert.Equal(t, "invalid_token", w.code(mint(t, secret)),
					"signed with the published secret")
				assert.Equal(t, "invalid_token", w.code(mint(t, asSecret)),
					"signed with the public key as an HS256 secret")
				assert.Equal(t, "invalid_token",
					w.code(jws(t, "HS256", mint(t, published), published.Public())),
					"the same in JWS form")
				assert.Equal(t, "invalid_token",
					w.code(jws(t, "HS256", mint(t, published), []byte(strong))))
				assert.Equal(t, "invalid_token", w.code(jws(t, "none", mint(t, published), nil)))
				assert.Equal(t, "ok", w.code(mint(t, published)))
			})
		})
	}
}

// jws signs the claims of the JWS valid with HMAC-SHA256, under a header with the given algorithm.
func jws(t *testing.T, algorithm, valid string, secret []byte) string {
	t.Helper()
	parts := strings.Split(valid, ".")
	require.Len(t, parts, 3)
	header, err := json.Marshal(map[string]string{"alg": algorithm, "kid": "pair", "typ": "JWT"})
	require.NoError(t, err)
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + parts[1]
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(mac.Sum(nil),
		make([]byte, 32)...))
}

func TestAdditionalKeysTakePrecedence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, fake, published := keys.NewHS256("own", []byte(strong), keys.Plan{}),
			pair("own", 2), pair("pair", 1)
		w := newService(t, publishes(t, fake, published), secret)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		assert.Equal(t, "ok", w.code(mint(t, secret)))
		assert.Equal(t, "invalid_token", w.code(mint(t, fake)),
			"the ID of an additional key belongs to that key")
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

// TestUsesNoProxyForHTTP: with plain http a proxy could insert its own keys.
func TestUsesNoProxyForHTTP(t *testing.T) {
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

// TestClient tests the package's own client, and one that is given, on real sockets.
func TestClient(t *testing.T) {
	key := pair("a", 1)
	followed, bombed, kept := false, false, 0
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
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		for range 1 << 10 {
			if _, err := packed.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
		bombed = packed.Close() == nil
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	secure := httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // the client aborts handshakes on purpose
	secure.StartTLS()
	defer secure.Close()
	for name, c := range map[string]struct {
		url    string
		client *http.Client
		want   error
	}{
		"good answer": {server.URL + "/good", nil, nil},
		"redirect": {server.URL + "/elsewhere", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshStatus, Status: 302}},
		"redirect, given client": {server.URL + "/elsewhere", &http.Client{},
			&sessionauth.RefreshError{Reason: sessionauth.RefreshStatus, Status: 302}},
		"long headers": {server.URL + "/long", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshUnreachable}},
		"broken body": {server.URL + "/broken", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshUnreachable}},
		"endless body": {server.URL + "/endless", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshTooLarge}},
		"gzip bomb": {server.URL + "/bomb", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshTooLarge}},
		"connection refused": {"http://127.0.0.1:1/", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshUnreachable}},
		"unknown certificate": {secure.URL + "/good", nil,
			&sessionauth.RefreshError{Reason: sessionauth.RefreshCertificate}},
		"trusted certificate": {secure.URL + "/good", secure.Client(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: c.url, Client: c.client})
			require.NoError(t, err)
			sessionauth.SetReadTimeout(jwks, 3*time.Minute) // not what is tested
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
	assert.False(t, bombed, "no more is unpacked than a set may have")
	assert.Equal(t, 1, kept, "the package's own client keeps no connection open between two reads")
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
