package proxies_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// targets are request targets that a proxy and an application might interpret differently.
var targets = []string{
	"/app/x", "/app//x", "//app/x", "/app/../x", "/app/./x", "/app/..", "/app/%2e%2e/x",
	"/app/..%2Fx", "/app%2Fx", "/app%2fx", "/app/%00", "/app/x%00.png", "/app/%", "/app/%zz",
	"/app/x;y", "/app/x%3Fy", "/app/x%23y", "/app/\\x", "/app/%5Cx",
	"/app/x?token=a-secret&x=//%2F..", "/app/x?a=%00", "/app/ключ", "/app/%C0%AE%C0%AE/x", "/APP/x",
	"/", "/?", "/*",
	"/app/" + strings.Repeat("long/", 500), "http://example.test/app/x",
	"http://example.test/public/../app/x",
	"/public", "/Public/x", "/PUBLIC/x", "/publicx", "/public%2Fx", "/%70ublic/../app/x",
	"/public/../app/x", "/public/%2e%2e/app/x", "/public/.%2e/app/x", "/public/..%2Fapp/x",
	"/public/..%2fapp/x",
	"/public/..;/app/x", "/public/..%5Capp/x", "/public/..\\app\\x", "/public/%252e%252e/app/x",
	"/public//../app/x", "/public/x/../../app/x", "/public/x%00/../../app/x",
	"/app/../public/x", "/app/..%2Fpublic/x", "/app/%2e%2e/public/x", "/app%2F..%2Fpublic/x",
	"/app/x/..%2F..%2Fpublic/x", "//public/x", "/./public/x", "/app//../public/x",
	"/public?/../app/x", "/app/x?/public/x", "/app/x#/public/x", "/public#/app/x",
	"/app/{env.HOME}", "/app/x?{env.HOME}", "/public/{env.HOME}", "/app/$request_uri/%[src]/%START_TIME%",
	"/_session", "/_session/", "/v1/sessions/verify", "/v1/sessions/anonymous/../../../app/x",
	"/v1/health/../../app/x", "/v1/sessions/current%2F..%2F..%2Fapp",
}

// plainlyPublic matches the paths that the examples let pass without a session, in the only form in
// which an application may then receive them.
var plainlyPublic = regexp.MustCompile(`^/public(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?([?#].*)?$`)

// publicTargets match plainlyPublic.
var publicTargets = []string{"/public/x", "/public/x/y.png", "/public/x?a=b", "/public/x/"}

func TestOnlyPlainlyPublicPathsNeedNoSession(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		for _, target := range targets {
			answer := s.client.Exchange(t, "GET",
				request("GET", target, "", "X-Session-Install-Id: forged"))
			for _, seen := range s.application.take() {
				assert.Regexp(t, plainlyPublic, seen.Target,
					"%s reached the application without a session", target)
				assert.NotContains(t, seen.Target, "..", target)
				assert.Empty(t, seen.named("X-Session-Install-Id"))
			}
			if answer.Status == http.StatusOK &&
				!strings.HasPrefix(answer.Body, "the application") {
				assert.Fail(t, "unexpected origin of the response", "%s: %s", target, answer.Body)
			}
			assert.Less(t, answer.Status, 500, target)

			answer = s.client.Exchange(t, "GET", request("GET", target, "", bearer))
			assert.Less(t, answer.Status, 500, target)
			requests := s.application.take()
			if answer.Status != http.StatusOK || len(requests) == 0 {
				continue // not every target is HTTP
			}
			require.Len(t, requests, 1, target)
			if strings.Contains(target, "env.HOME") {
				assert.Contains(t, requests[0].Target, "env.HOME", "text of a client is never expanded")
			}
			if !plainlyPublic.MatchString(requests[0].Target) {
				assert.Equal(t, []string{encoded}, requests[0].named("X-Session-Install-Id"),
					"%s, as %s", target, requests[0].Target)
			}
		}
		for _, target := range publicTargets {
			answer := s.client.Exchange(t, "GET", request("GET", target, ""))
			assert.Equal(t, http.StatusOK, answer.Status, target)
			requests := s.application.take()
			require.Len(t, requests, 1, target)
			assert.Equal(t, target, requests[0].Target)
		}
	})
}

// TestTheServiceDoesNotLogApplicationRequests shows that the target and body of a client's request
// to the application, which may hold secrets, are not in the log of the service.
func TestTheServiceDoesNotLogApplicationRequests(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, map[string]string{"OFFLOAD_LOG_LEVEL": "debug"})
		bearer := "Authorization: Bearer " + s.token
		for _, headers := range [][]string{{bearer}, nil, {bearer + "x"}} {
			s.client.Exchange(t, "POST", request("POST",
				"/app/secret-path?secret-name=secret-value", "secret-body", headers...))
		}
		s.client.Close()
		s.service.Stop(t)
		assert.Contains(t, s.service.Log.Text(), "/v1/sessions/verify")
		assert.NotContains(t, s.service.Log.Text(), "secret-")
		assert.NotContains(t, s.service.Log.Text(), s.token)
	})
}
