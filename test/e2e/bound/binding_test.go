package bound_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// TestBindings takes sessions from a service without binding, and from one that requires it, to
// services of each kind, and requests new ones from each.
func TestBindings(t *testing.T) {
	t.Parallel()
	services := map[string]*harness.InProcess{}
	for _, binding := range []string{"off", "accept", "require"} {
		services[binding] = harness.Serve(t, env(binding, nil))
	}
	phone := device.New(1)
	off, require := services["off"], services["require"]
	plain := off.Token(t, "install-12345")
	likeKey := off.Token(t, phone.Thumbprint)
	own := issue(t, require.Client, phone, require.Clock.Now()).Session(t).Token
	assert.EqualValues(t, 1, off.Metric(t, "offload_thumbprint_ids_total"))

	for binding, want := range map[string]struct {
		plain, likeKey, bound        string // the codes for the three sessions
		issuePlain, issueKey, proved string // and for new ones: without a proof, and with one
	}{
		"off":     {"", "", "unauthorized", "", "", ""},
		"accept":  {"", "invalid_token", "", "", "invalid_proof", ""},
		"require": {"invalid_token", "invalid_token", "", "invalid_proof", "invalid_proof", ""},
	} {
		service := services[binding]
		now := service.Clock.Now()
		code := func(want string, answer harness.Response, about string) {
			t.Helper()
			assert.Equal(t, want, answer.Code(), "%s: %s", binding, about)
		}
		code(want.plain, service.Current(t, harness.Bearer(plain)), "bearer")
		code(want.likeKey, service.Current(t, harness.Bearer(likeKey)), "bearer, id like a key's")
		code(want.bound, current(t, service.Client, phone, own, now), "bound")
		code("invalid_token", service.Current(t, harness.Bearer(own)), "bound as bearer")
		code(want.issuePlain, service.Issue(t, "install-67890"), "new")
		code(want.issueKey, service.Issue(t, phone.Thumbprint), "new, id like a key's")
		answer := issue(t, service.Client, phone, now)
		code(want.proved, answer, "new with a proof")
		version := `{"v":3,`
		if binding == "off" {
			version = `{"v":2,`
		}
		assert.True(t, strings.HasPrefix(harness.PayloadOf(t, answer.Session(t).Token), version), binding)

		// A session made elsewhere is no renewal where it could stand in for a bound one.
		renewed := service.Metric(t, `offload_sessions_issued_total{kind="renewed"}`)
		service.Issue(t, phone.Thumbprint, harness.Bearer(likeKey), dpop(phone.Proof(
			device.For(http.MethodPost, issueURI, now))))
		more := 0.0
		if binding == "off" {
			more = 1
		}
		assert.Equal(t, renewed+more,
			service.Metric(t, `offload_sessions_issued_total{kind="renewed"}`), binding)
	}
	missing := off.Current(t)
	assert.Equal(t, []string{`Bearer realm="offload"`}, missing.Header.Values("WWW-Authenticate"),
		"without binding there is one scheme")
}

// TestOriginInDevelopment checks that without public origins the origin is that of the request.
func TestOriginInDevelopment(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, env("require", harness.BehindProxy(harness.Env{
		"OFFLOAD_PUBLIC_ORIGINS": ""})))
	phone := device.New(1)
	for _, c := range []struct {
		uri, code string
		headers   []harness.Header
	}{
		{"http://" + service.Public, "", nil},
		{"https://" + service.Public, "invalid_proof", nil},
		{"http://sessions.example.com", "invalid_proof", nil},
		{"https://" + service.Public, "", []harness.Header{{"X-Forwarded-Proto", "https"}}},
		{origin, "", []harness.Header{{"X-Forwarded-Proto", "https"},
			{"X-Forwarded-Host", "sessions.example.com"}}},
	} {
		answer := service.Issue(t, phone.Thumbprint, append(c.headers, dpop(phone.Proof(device.For(
			http.MethodPost, c.uri+harness.IssuePath, service.Clock.Now()))))...)
		assertCode(t, answer, c.code, c.uri, c.headers)
	}
}
