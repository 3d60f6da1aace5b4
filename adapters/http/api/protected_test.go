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
	d := newTestAPI()
	d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials,
	) (session.Claims, error) {
		return claimsOf(mustInstallID(`<&">😀 install`)), nil
	}
	response := d.do(get("/v1/sessions/current", "Authorization", "Bearer token"))
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, `{"install_id":"<&\">😀 install","key_id":"kid","issuer":"issuer","audience":"audience",`+
		`"issued_at":"2026-02-16T12:00:00Z","not_before":"2026-02-16T12:00:00Z","expires_at":"2026-02-16T12:02:00Z"}`, text(t, response))
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
				d := newTestAPI()
				d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials,
				) (session.Claims, error) {
					return session.Claims{}, &token.Rejection{Reason: c.reason}
				}
				response := d.do(get(path))
				assert.Equal(t, 401, response.StatusCode)
				assert.Equal(t, c.www, response.Header.Get("WWW-Authenticate"))
				assert.Equal(t, c.code, response.Header.Get("X-Error-Code"))
				assert.Equal(t, `{"error":{"code":"`+c.code+`","message":"`+c.message+
					`","request_id":"request-1"}}`, text(t, response))
			})
		}
	}
}

func TestVerify(t *testing.T) {
	for _, path := range []string{"", "/", "//", "/../admin", "/a%2Fb", "%2fadmin", "/%zz", "?q=1",
		"/a?q=/../"} {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND"} {
			t.Run(method+" "+path, func(t *testing.T) {
				d := newTestAPI()
				d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials,
				) (session.Claims, error) {
					return claimsOf(mustInstallID("é%/ install~1.-_")), nil
				}
				r := get("/v1/sessions/verify")
				r.Method, r.RequestURI = method, "/v1/sessions/verify"+path
				response := d.do(r)
				assert.Equal(t, 200, response.StatusCode)
				assert.Empty(t, text(t, response))
				assert.Equal(t, http.Header{
					"Cache-Control":        {"no-store"},
					"X-Request-Id":         {"request-1"},
					"X-Session-Install-Id": {"%C3%A9%25%2F%20install~1.-_"},
					"X-Session-Expires-At": {"2026-02-16T12:02:00Z"},
					"X-Session-Key-Id":     {"kid"},
					"X-Session-Binding":    {"none"},
				}, response.Header)
			})
		}
	}
}

func TestVerifyDoesNotReadABody(t *testing.T) {
	d := newTestAPI()
	r := post("")
	r.RequestURI, r.Body, r.ContentLength = "/v1/sessions/verify", io.NopCloser(brokenReader{}),
		1<<40
	response := d.do(r)
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "close", response.Header.Get("Connection"))
}
