package api_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// bindable returns an API where sessions can be bound, behind a trusted proxy, under one public
// origin.
func bindable() *testAPI {
	d := newTestAPI()
	d.api.Binding, d.api.PublicOrigins = session.BindingAccept, originsOf("https://api.example.com")
	d.api.Trusted = clientaddr.NewTrusted(netip.MustParsePrefix("192.0.2.1/32"))
	return d
}

func ofPeer(peer string, r *http.Request) *http.Request {
	r.RemoteAddr = peer
	return r
}

const (
	proxyPeer = "192.0.2.1:1234"
	otherPeer = "198.51.100.7:1234"
)

// TestCredentialsOfRequests checks which credentials and which target the use cases get from
// requests of every kind.
func TestCredentialsOfRequests(t *testing.T) {
	public := originsOf("https://api.example.com")
	own := func(method, path string) proof.Target {
		request := proof.Request{Method: method, URI: path, Host: "example.com"}
		return request.Target(public)
	}
	forwarded := []string{"DPoP", "p", "X-Forwarded-Method", "PUT", "X-Forwarded-Proto", "https",
		"X-Forwarded-Host", "api.example.com", "X-Forwarded-Uri", "/orders?x=1"}
	for name, c := range map[string]struct {
		request *http.Request
		want    ports.Credentials
	}{
		"no proof": {get("/v1/sessions/current"), ports.Credentials{}},
		"its own": {get("/v1/sessions/current", "DPoP", "p", "DPoP", "q"),
			ports.Credentials{Proofs: []string{"p", "q"},
				Target: own("GET", "/v1/sessions/current")}},
		"headers of a proxy mean nothing there": {ofPeer(proxyPeer, get("/v1/sessions/current", forwarded...)),
			ports.Credentials{Proofs: []string{"p"}, Target: own("GET", "/v1/sessions/current")}},
		"what a proxy asks about": {ofPeer(proxyPeer, get("/v1/sessions/verify", forwarded...)),
			ports.Credentials{Proofs: []string{"p"},
				Target: proof.NewTarget("PUT", "https://api.example.com/orders")}},
		"what a stranger asks about": {ofPeer(otherPeer, get("/v1/sessions/verify", forwarded...)),
			ports.Credentials{Proofs: []string{"p"}, Target: own("GET", "/v1/sessions/verify")}},
		"a header is missing": {ofPeer(proxyPeer, get("/v1/sessions/verify", forwarded[:8]...)),
			ports.Credentials{Proofs: []string{"p"}}},
		"another origin": {ofPeer(proxyPeer, get("/v1/sessions/verify", "DPoP", "p",
			"X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https", "X-Forwarded-Host",
			"evil.example.com", "X-Forwarded-Uri", "/")),
			ports.Credentials{Proofs: []string{"p"}}},
		"what Envoy asks about": {ofPeer(proxyPeer, get("/v1/sessions/verify/orders//a%2fb?x=1", "DPoP",
			"p", "X-Forwarded-Proto", "https")), ports.Credentials{Proofs: []string{"p"}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := bindable()
			d.do(c.request)
			calls := d.authentication.AuthenticateCalls()
			require.Len(t, calls, 1)
			assert.Equal(t, c.want, calls[0].Credentials)
		})
	}
	envoy := ofPeer(proxyPeer, get("/v1/sessions/verify/orders//a%2fb?x=1", "DPoP", "p",
		"X-Forwarded-Proto", "https"))
	envoy.Host, envoy.Method = "api.example.com", http.MethodPatch
	d := bindable()
	d.do(envoy)
	assert.Equal(t, proof.NewTarget("PATCH", "https://api.example.com/orders//a%2Fb"),
		d.authentication.AuthenticateCalls()[0].Credentials.Target)
}

// TestOriginOfRequestWithoutPublicOrigins checks the origin in development: that of the request.
func TestOriginOfRequestWithoutPublicOrigins(t *testing.T) {
	for name, c := range map[string]struct {
		peer string
		tls  bool
		want string
	}{
		"plain":            {otherPeer, false, "http://example.com"},
		"TLS":              {otherPeer, true, "https://example.com"},
		"behind the proxy": {proxyPeer, false, "https://app.example.com"},
	} {
		d := bindable()
		d.api.PublicOrigins, d.api.TLS = nil, c.tls
		d.do(ofPeer(c.peer, post(goodBody, "DPoP", "p", "X-Forwarded-Proto", "https",
			"X-Forwarded-Host", "app.example.com")))
		calls := d.issuance.IssueCalls()
		require.Len(t, calls, 1, name)
		assert.Equal(t, ports.Credentials{Proofs: []string{"p"},
			Target: proof.NewTarget("POST", c.want+issuePath)}, calls[0].Request.Credentials, name)
	}
}

func TestIgnoresProofsUnlessSessionsCanBeBound(t *testing.T) {
	d := newTestAPI()
	d.do(post(goodBody, "DPoP", "p"))
	d.do(get("/v1/sessions/verify", "DPoP", "p"))
	assert.Equal(t, ports.Credentials{}, d.issuance.IssueCalls()[0].Request.Credentials)
	assert.Equal(t, ports.Credentials{}, d.authentication.AuthenticateCalls()[0].Credentials)
}

func TestNamesTheBinding(t *testing.T) {
	for bound, want := range map[bool]string{false: "none", true: "key"} {
		d := bindable()
		d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials) (session.Claims,
			error) {
			claims := claimsOf(mustInstallID("install-12345"))
			claims.Bound = bound
			return claims, nil
		}
		response := d.do(get("/v1/sessions/verify"))
		assert.Equal(t, []string{want}, response.Header.Values("X-Session-Binding"))
	}
}

// TestRejectedProofs checks the challenges, and that the nonce comes with one kind alone.
func TestRejectedProofs(t *testing.T) {
	nonce := &proof.Challenge{Rejection: &proof.Rejection{Reason: proof.ReasonStale}, Nonce: "n"}
	for name, c := range map[string]struct {
		err    error
		code   string
		www    []string
		nonces []string
	}{
		"invalid": {&proof.Rejection{Reason: proof.ReasonKey}, "invalid_proof",
			[]string{`DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`}, nil},
		"needs a nonce": {nonce, "proof_nonce_required",
			[]string{`DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`}, []string{"n"}},
		"downgrade": {&proof.Rejection{Reason: proof.ReasonDowngrade, Access: true}, "invalid_token",
			[]string{`Bearer realm="offload", error="invalid_token"`}, nil},
		"no credentials": {&token.Rejection{Reason: token.ReasonMissing, Bindable: true},
			"unauthorized", []string{`Bearer realm="offload"`, `DPoP algs="ES256 EdDSA"`}, nil},
	} {
		d := bindable()
		d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials) (session.Claims,
			error) {
			return session.Claims{}, c.err
		}
		d.issuance.IssueFunc = func(context.Context, ports.IssueRequest) (ports.Issued, error) {
			return ports.Issued{}, c.err
		}
		for _, response := range []*http.Response{d.do(get("/v1/sessions/current")), d.do(post(goodBody))} {
			assert.Equal(t, 401, response.StatusCode, name)
			assert.Equal(t, c.code, response.Header.Get("X-Error-Code"), name)
			assert.Equal(t, c.www, response.Header.Values("WWW-Authenticate"), name)
			assert.Equal(t, c.nonces, response.Header.Values("DPoP-Nonce"), name)
			assert.Empty(t, response.Header.Values("RateLimit"), name)
		}
	}
}
