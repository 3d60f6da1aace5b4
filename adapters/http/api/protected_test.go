package api_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

func TestCurrent(t *testing.T) {
	d := newDesk()
	d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials,
	) (session.Claims, error) {
		return claimsOf(mustInstallID(`<&">😀 install`)), nil
	}
	answer := d.do(get("/v1/sessions/current", "Authorization", "Bearer token"))
	assert.Equal(t, 200, answer.StatusCode)
	assert.Equal(t, `{"install_id":"<&\">😀 install","key_id":"kid","issuer":"issuer","audience":"audience",`+
		`"issued_at":"2026-02-16T12:00:00Z","not_before":"2026-02-16T12:00:00Z","expires_at":"2026-02-16T12:02:00Z"}`, text(t, answer))
	assert.Equal(t, ports.Credentials{Authorization: []string{"Bearer token"}},
		d.authentication.AuthenticateCalls()[0].Credentials)
}

func TestProtectedPathsRefuseInSameWay(t *testing.T) {
	for _, c := range []struct {
		reason             token.Reason
		code, message, www string
	}{
		{token.ReasonMissing, "unauthorized", "Missing bearer token", `Bearer realm="offload"`},
		{token.ReasonSignature, "invalid_token", "Invalid session token",
			`Bearer realm="offload", error="invalid_token"`},
		{token.ReasonExpired, "expired_token", "Session token expired",
			`Bearer realm="offload", error="invalid_token", error_description="expired"`},
	} {
		for _, path := range []string{"/v1/sessions/current", "/v1/sessions/verify",
			"/v1/sessions/verify/below"} {
			t.Run(c.code+" on "+path, func(t *testing.T) {
				d := newDesk()
				d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials,
				) (session.Claims, error) {
					return session.Claims{}, &token.Rejection{Reason: c.reason}
				}
				answer := d.do(get(path))
				assert.Equal(t, 401, answer.StatusCode)
				assert.Equal(t, c.www, answer.Header.Get("WWW-Authenticate"))
				assert.Equal(t, c.code, answer.Header.Get("X-Error-Code"))
				assert.Equal(t, `{"error":{"code":"`+c.code+`","message":"`+c.message+
					`","request_id":"request-1"}}`, text(t, answer))
			})
		}
	}
}

func TestVerify(t *testing.T) {
	for _, path := range []string{"", "/", "//", "/../admin", "/a%2Fb", "%2fadmin", "/%zz", "?q=1",
		"/a?q=/../"} {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND"} {
			t.Run(method+" "+path, func(t *testing.T) {
				d := newDesk()
				d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials,
				) (session.Claims, error) {
					return claimsOf(mustInstallID("é%/ install~1.-_")), nil
				}
				r := get("/v1/sessions/verify")
				r.Method, r.RequestURI = method, "/v1/sessions/verify"+path
				answer := d.do(r)
				assert.Equal(t, 200, answer.StatusCode)
				assert.Empty(t, text(t, answer))
				assert.Equal(t, http.Header{
					"Cache-Control":        {"no-store"},
					"X-Request-Id":         {"request-1"},
					"X-Session-Install-Id": {"%C3%A9%25%2F%20install~1.-_"},
					"X-Session-Expires-At": {"2026-02-16T12:02:00Z"},
					"X-Session-Key-Id":     {"kid"},
					"X-Session-Binding":    {"none"},
				}, answer.Header)
			})
		}
	}
}

func TestVerifyDoesNotReadABody(t *testing.T) {
	d := newDesk()
	r := post("")
	r.RequestURI, r.Body, r.ContentLength = "/v1/sessions/verify", io.NopCloser(brokenReader{}),
		1<<40
	answer := d.do(r)
	assert.Equal(t, 200, answer.StatusCode)
	assert.Equal(t, "close", answer.Header.Get("Connection"))
}
