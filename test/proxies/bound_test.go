package proxies_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// publicOrigin is the origin under which the tests reach a proxy: see request.
const publicOrigin = "http://example.test"

// binding is the environment of a service that binds sessions for clients of publicOrigin.
var binding = harness.Env{"OFFLOAD_SESSION_BINDING": "accept", "OFFLOAD_PUBLIC_ORIGINS": publicOrigin,
	"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret, "OFFLOAD_SESSION_TTL_SECONDS": "3600"}

// bindingChallenge is the second challenge of a service that binds sessions, to a request without
// credentials.
const bindingChallenge = `DPoP algs="ES256 EdDSA"`

// boundSite is a site with a session that is bound to the key of a phone.
type boundSite struct {
	*site
	phone device.Key
	bound string // the token of its session
}

// startBoundSite starts a site and requests the session through its proxy.
func startBoundSite(t *testing.T, p product) *boundSite {
	t.Helper()
	s := &boundSite{site: startSite(t, p, binding), phone: device.New(1)}
	answer := s.issue(t, s.claims("POST", harness.IssuePath))
	require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	s.bound = answer.Session(t).Token
	return s
}

// claims returns those of a new proof for a request to a target.
func (s *boundSite) claims(method, target string) device.Claims {
	path, _, _ := strings.Cut(target, "?")
	return device.For(method, publicOrigin+path, s.service.Clock.Now())
}

// issue requests a session of the phone through the proxy.
func (s *boundSite) issue(t *testing.T, claims device.Claims, headers ...string) harness.Response {
	t.Helper()
	return s.client.Exchange(t, "POST", request("POST", harness.IssuePath,
		harness.IssueBody(s.phone.Thumbprint), append(headers, "Content-Type: application/json",
			"DPoP: "+s.phone.Proof(claims))...))
}

// with returns the headers of a request with the session and a proof.
func (s *boundSite) with(claims device.Claims) []string {
	return []string{"Authorization: DPoP " + s.bound,
		"DPoP: " + s.phone.Proof(claims.ForToken(s.bound))}
}

// send sends a request with the session and a proof.
func (s *boundSite) send(t *testing.T, method, target string, claims device.Claims,
	headers ...string) harness.Response {
	t.Helper()
	return s.client.Exchange(t, method,
		request(method, target, "", append(headers, s.with(claims)...)...))
}

// assertBound fails unless the application has received one request, with the session's headers and
// without the proof.
func (s *boundSite) assertBound(t *testing.T, answer harness.Response, what string) {
	t.Helper()
	assert.Equal(t, http.StatusOK, answer.Status, "%s: %s", what, answer.Body)
	requests := s.application.take()
	require.Len(t, requests, 1, what)
	assert.Equal(t, []string{s.phone.Thumbprint}, requests[0].named("X-Session-Install-Id"), what)
	assert.Equal(t, []string{"key"}, requests[0].named("X-Session-Binding"), what)
	assert.Empty(t, requests[0].Header.Values("DPoP"), what)
}

func TestBoundSessionsReachTheApplication(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startBoundSite(t, p)
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE", "PROPFIND"} {
			s.assertBound(t, s.send(t, method, "/app/x", s.claims(method, "/app/x")), method)
		}
		body := request("POST", "/app/x", "a body", s.with(s.claims("POST", "/app/x"))...)
		s.assertBound(t, s.client.Exchange(t, "POST", body), "a body")
		// The proof is for the path as the client sent it, and either may be encoded.
		for _, target := range []string{"/", "/app/x?secret=1", "/app/x?", "/app/%41%2d%7E%5f",
			"/app/a%20b", "/app/%D0%BA", "/app/x;y", "/app/./x", "/app/../x", "/app/%2e%2e/x",
			"/app/" + strings.Repeat("x", 3000)} {
			s.assertBound(t, s.send(t, "GET", target, s.claims("GET", target)), target)
		}
		s.assertBound(t, s.send(t, "GET", "/app/%78", s.claims("GET", "/app/x")), "decoded")
		s.assertBound(t, s.send(t, "GET", "/app/x", s.claims("GET", "/app/y/%2E./%78")), "encoded")
		absolute := request("GET", publicOrigin+"/app/x", "", s.with(s.claims("GET", "/app/x"))...)
		s.assertBound(t, s.client.Exchange(t, "GET", absolute), "in absolute form")
		for _, target := range []string{"/app//x", "/app/a%2Fb"} {
			answer := s.send(t, "GET", target, s.claims("GET", target))
			if p.example != "envoy" {
				s.assertBound(t, answer, target)
				continue
			}
			s.application.assertNothing(t, "Envoy merges slashes and refuses encoded ones")
			assert.Contains(t, []int{http.StatusUnauthorized, http.StatusBadRequest}, answer.Status)
		}
		for _, target := range []string{"/app/" + strings.Repeat("x", 9000),
			"/app/" + strings.Repeat("x", 30<<10)} {
			short := s.claims("GET", "/app/x")
			answer := s.send(t, "GET", target, short)
			s.application.assertNothing(t, "a path that no proof can hold")
			assert.Less(t, answer.Status, 500)
		}
		// Sessions without a key pass as before; the proof of a request that needs none is removed.
		bearer := "Authorization: Bearer " + s.token
		s.assertAdmitted(t, s.client.Exchange(t, "GET", request("GET", "/app/x", "", bearer)), "bearer")
		for _, text := range []string{
			request("GET", "/public/x", "", s.with(s.claims("GET", "/public/x"))...),
			request("OPTIONS", "/app/x", "", append(s.with(s.claims("OPTIONS", "/app/x")),
				preflight...)...),
			request("GET", "/app/x", "", append(append(s.with(s.claims("GET", "/app/x")),
				"Upgrade: websocket"), handshake...)...),
		} {
			method, _, _ := strings.Cut(text, " ")
			conn := s.client.Dial(t)
			conn.Send(t, text)
			answer := conn.ReadHeader(t, method)
			assert.Less(t, answer.Status, 300)
			requests := s.application.take()
			require.Len(t, requests, 1, text)
			assert.Empty(t, requests[0].Header.Values("DPoP"), text)
		}
	})
}

func TestBoundSessionsAreRefusedWithoutTheirProof(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startBoundSite(t, p)
		good := s.claims("GET", "/app/x")
		of := func(change func(*device.Claims)) device.Claims {
			claims := s.claims("GET", "/app/x")
			change(&claims)
			return claims
		}
		for what, claims := range map[string]device.Claims{
			"another method":    s.claims("POST", "/app/x"),
			"another path":      s.claims("GET", "/app/y"),
			"the service's":     s.claims("GET", "/v1/sessions/verify"),
			"the path below it": s.claims("GET", "/v1/sessions/verify/app/x"),
			"another host":      of(func(c *device.Claims) { c.URI = "http://other.test/app/x" }),
			"the service":       of(func(c *device.Claims) { c.URI = "http://sessiond/app/x" }),
			"another scheme":    of(func(c *device.Claims) { c.URI = "https://example.test/app/x" }),
			"another port":      of(func(c *device.Claims) { c.URI = "http://example.test:81/app/x" }),
		} {
			s.assertRefused(t, s.send(t, "GET", "/app/x", claims), "invalid_proof", what)
		}
		sent := func(headers ...string) harness.Response {
			return s.client.Exchange(t, "GET", request("GET", "/app/x", "", headers...))
		}
		authorization, proof := s.with(good)[0], s.with(good)[1]
		s.assertRefused(t, sent(authorization), "invalid_proof", "no proof")
		s.assertRefused(t, sent(authorization, "DPoP: x"), "invalid_proof", "no proof, but a header")
		s.assertRefused(t, sent(authorization, "DPoP: "+strings.Repeat("x", 9000)), "invalid_proof",
			"a large proof")
		s.assertRefused(t, sent(authorization, "DPoP: "+s.phone.Proof(good)), "invalid_proof",
			"for no token")
		thief := device.New(2).Proof(good.ForToken(s.bound))
		s.assertRefused(t, sent(authorization, "DPoP: "+thief), "invalid_token", "another key")
		s.assertRefused(t, sent("Authorization: Bearer "+s.bound, proof), "invalid_token", "as bearer")
		s.assertRefused(t, sent("Authorization: DPoP "+s.token, proof), "invalid_proof", "another token")
		s.assertRefused(t, sent(authorization, "DPoP: x", proof), "invalid_proof", "two proofs")

		// A host that is not one of the public origins, and which the proxy serves like any other.
		elsewhere := of(func(c *device.Claims) { c.URI = "http://other.test/app/x" })
		s.assertRefused(t, s.client.Exchange(t, "GET", strings.Replace(
			request("GET", "/app/x", "", s.with(elsewhere)...), "example.test", "other.test", 1)),
			"invalid_proof", "a proof for another host, replayed to it here")

		// Requests whose path or host is not known.
		for _, start := range []string{"OPTIONS * HTTP/1.1\r\nHost: example.test\r\n",
			"GET /app/x HTTP/1.0\r\n", "GET /app/x HTTP/1.0\r\nHost:\r\n"} {
			answer := s.client.Exchange(t, "GET", start+authorization+"\r\n"+proof+"\r\n\r\n")
			assert.Less(t, answer.Status, 500, start)
			s.application.assertNothing(t, start)
		}

		unauthorized := sent()
		challenges := []string{`Bearer realm="offload"`, bindingChallenge}
		if p.example == "nginx" {
			challenges = challenges[:1] // before 1.23
		}
		assert.Equal(t, challenges, unauthorized.Header.Values("WWW-Authenticate"))
		assert.Contains(t, unauthorized.Header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce")
		s.application.assertNothing(t, "no credentials")

		// A phone whose clock is wrong gets a nonce.
		late := of(func(c *device.Claims) { c.At -= 24 * 60 * 60 })
		answer := s.send(t, "GET", "/app/x", late)
		s.assertRefused(t, answer, "proof_nonce_required", "a wrong clock")
		nonces := answer.Header.Values("DPoP-Nonce")
		require.Len(t, nonces, 1)
		s.assertBound(t, s.send(t, "GET", "/app/x", late.WithNonce(nonces[0])), "with the nonce")
		s.service.Clock.Advance(time.Hour)
		s.assertRefused(t, s.send(t, "GET", "/app/x", s.claims("GET", "/app/x")), "expired_token",
			"expired")
	})
}

// TestForgedForwardedHeadersChangeNothing shows that a client cannot say what its request is.
func TestForgedForwardedHeadersChangeNothing(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startBoundSite(t, p)
		lines := []string{"X-Forwarded-Method: DELETE", "X-Forwarded-Proto: https",
			"X-Forwarded-Host: other.test", "X-Forwarded-Uri: /app/y", "x-forwarded-uri: /app/y",
			"X_Forwarded_Uri: /app/y", "X-Original-Method: DELETE", "X-Original-URL: /app/y",
			"Forwarded: proto=https;host=other.test", "Connection: X-Forwarded-Uri, X-Forwarded-Host, DPoP",
			"X-Forwarded-Port: 81", "X-Forwarded-Prefix: /v1", "X-Envoy-Original-Path: /app/y"}
		each := [][]string{lines}
		for _, line := range lines {
			each = append(each, []string{line}, []string{line, line})
		}
		forged := s.claims("DELETE", "/app/y")
		forged.URI = "https://other.test/app/y"
		for _, headers := range each {
			what := strings.Join(headers, ", ")
			if p.example == "envoy" && strings.Contains(what, "Connection: ") {
				continue // a 400, without a sub-request
			}
			s.assertBound(t, s.send(t, "GET", "/app/x", s.claims("GET", "/app/x"), headers...), what)
			s.assertRefused(t, s.send(t, "GET", "/app/x", forged, headers...), "invalid_proof", what)
			s.assertRefused(t, s.send(t, "GET", "/app/x", s.claims("GET", "/app/y"), headers...),
				"invalid_proof", what)
			current := s.send(t, "GET", "/v1/sessions/current",
				s.claims("GET", "/v1/sessions/current"), headers...)
			assert.Equal(t, http.StatusOK, current.Status, "%s: %s", what, current.Body)
			assert.Equal(t, "invalid_proof", s.send(t, "GET", "/v1/sessions/current", forged,
				headers...).Code(), what)
		}
	})
}

// TestBoundSessionsAreIssuedAndRenewed shows that the routes of the service receive what clients
// send: proofs, nonces and both challenges pass.
func TestBoundSessionsAreIssuedAndRenewed(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startBoundSite(t, p)
		claims := s.claims("POST", harness.IssuePath)
		assert.Equal(t, "invalid_proof", s.issue(t, s.claims("GET", harness.IssuePath)).Code())
		assert.Equal(t, http.StatusOK, s.issue(t, claims).Status)
		assert.Equal(t, "invalid_proof", s.issue(t, claims).Code(), "replayed")
		late := s.claims("POST", harness.IssuePath)
		late.At -= 24 * 60 * 60
		answer := s.issue(t, late)
		assert.Equal(t, "proof_nonce_required", answer.Code())
		assert.Equal(t, []string{`DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`},
			answer.Header.Values("WWW-Authenticate"))
		require.NotEmpty(t, answer.Header.Get("DPoP-Nonce"))
		assert.Equal(t, http.StatusOK,
			s.issue(t, late.WithNonce(answer.Header.Get("DPoP-Nonce"))).Status)

		s.service.Clock.Advance(59 * time.Minute)
		renewal := s.issue(t, s.claims("POST", harness.IssuePath).ForToken(s.bound),
			"Authorization: DPoP "+s.bound)
		require.Equal(t, http.StatusOK, renewal.Status, "%s", renewal.Body)
		assert.EqualValues(t, 1, s.service.Metric(t, `offload_sessions_issued_total{kind="renewed"}`))
		s.bound = renewal.Session(t).Token
		s.service.Clock.Advance(2 * time.Minute)
		s.assertBound(t, s.send(t, "GET", "/app/x", s.claims("GET", "/app/x")), "the renewed session")
		unauthorized := s.client.Exchange(t, "GET", request("GET", "/v1/sessions/current", ""))
		assert.Equal(t, []string{`Bearer realm="offload"`, bindingChallenge},
			unauthorized.Header.Values("WWW-Authenticate"))
	})
}
