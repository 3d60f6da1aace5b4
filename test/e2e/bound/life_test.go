package bound_test

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

// TestLifeOfABoundSession issues, uses, verifies behind a proxy, renews and ends a session, and
// tries at each step what a thief could: then it searches the log for anything that would help one.
func TestLifeOfABoundSession(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, env("accept", harness.BehindProxy(harness.Env{
		"OFFLOAD_LOG_LEVEL": "debug"})))
	phone, thief := device.New(1), device.New(2)
	now := service.Clock.Now

	assertCode(t, service.Issue(t, phone.Thumbprint), "invalid_proof", "the id is no secret")
	first := issue(t, service.Client, phone, now()).Session(t)
	payload := harness.PayloadOf(t, first.Token)
	assert.Contains(t, payload, `"v":3,`)
	assert.Contains(t, payload, `"aud":"offload-ios:bound",`)
	assert.True(t, strings.HasSuffix(payload, `,"cnf":{"jkt":"`+phone.Thumbprint+`"}}`), payload)

	answer := current(t, service.Client, phone, first.Token, now())
	assertCode(t, answer, "")
	assert.Contains(t, answer.Body, `"install_id":"`+phone.Thumbprint+`"`)
	assertCode(t, service.Current(t), "unauthorized")
	assertCode(t, service.Current(t, harness.Bearer(first.Token)), "invalid_token", "as bearer")
	assertCode(t, service.Current(t, bound(first.Token)), "invalid_proof", "without a proof")
	assertCode(t, current(t, service.Client, thief, first.Token, now()), "invalid_token",
		"with a proof by another key")
	assertCode(t, service.Current(t, bound(first.Token), dpop(phone.Proof(
		device.For(http.MethodPost, issueURI, now()).ForToken(first.Token)))), "invalid_proof",
		"with a proof for another request")

	// Behind a proxy, the proof is for the client's request to the application.
	order := phone.Proof(device.For(http.MethodPut, application+"/orders/1", now()).ForToken(first.Token))
	told := func(method, uri string) []harness.Header {
		return []harness.Header{bound(first.Token), dpop(order), {"X-Forwarded-Method", method},
			{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "api.example.com"},
			{"X-Forwarded-Uri", uri}}
	}
	verified := service.Send(t, http.MethodGet, verifyPath, "", told("PUT", "/orders/1?x=2")...)
	assertCode(t, verified, "")
	assert.Equal(t, "key", verified.Header.Get("X-Session-Binding"))
	assertCode(t, service.Send(t, http.MethodGet, verifyPath, "", told("DELETE", "/orders/1")...),
		"invalid_proof", "another method")
	assertCode(t, service.Send(t, http.MethodGet, verifyPath, "", told("PUT", "/orders/2")...),
		"invalid_proof", "another path")
	stranger := service.From(t, "127.0.0.2")
	assertCode(t, stranger.Send(t, http.MethodGet, verifyPath, "", told("PUT", "/orders/1")...),
		"invalid_proof", "a stranger cannot say what was asked")

	// A renewal needs the old token and a proof for it.
	renew := func(key device.Key, token string) harness.Response {
		return service.Issue(t, phone.Thumbprint, bound(token), dpop(key.Proof(
			device.For(http.MethodPost, issueURI, now()).ForToken(token))))
	}
	service.Clock.Advance(119 * time.Second)
	second := renew(phone, first.Token).Session(t)
	assert.EqualValues(t, 1, service.Metric(t, `offload_sessions_issued_total{kind="renewed"}`))
	assertCode(t, renew(thief, second.Token), "invalid_proof")
	service.Clock.Advance(2 * time.Second)
	assertCode(t, current(t, service.Client, phone, first.Token, now()), "expired_token")
	assertCode(t, service.Current(t, harness.Bearer(first.Token)), "invalid_token",
		"as bearer, whether or not it has expired")
	assertCode(t, current(t, service.Client, phone, second.Token, now()), "")

	// An ordinary installation goes on as before, and cannot take part in binding.
	plain := service.Token(t, "install-12345")
	assertCode(t, service.Current(t, harness.Bearer(plain)), "")
	unbound := service.Send(t, http.MethodGet, verifyPath, "", harness.Bearer(plain))
	assert.Equal(t, "none", unbound.Header.Get("X-Session-Binding"))
	assertCode(t, current(t, service.Client, phone, plain, now()), "invalid_token")
	assertCode(t, service.Issue(t, "install-12345", dpop(phone.Proof(
		device.For(http.MethodPost, issueURI, now())))), "invalid_proof")

	for reason, want := range map[string]float64{"": 5, "missing": 2, "binding": 3, "downgrade": 2,
		"htm": 3, "htu": 1, "unbound": 1, "replayed": 0} {
		assert.Equal(t, want, service.Metric(t, `offload_proofs_total{reason="`+reason+`"}`), reason)
	}
	service.Stop(t)
	log := service.Log.Text()
	require.NotEmpty(t, service.Log.Of("proof_rejected"))
	for _, hidden := range []string{phone.Thumbprint, thief.Thumbprint, "proof-", order, order[:40],
		first.Token, second.Token} {
		assert.NotContains(t, log, hidden)
	}
}

// TestWrongClocks lets phones whose clocks are wrong by a day, both ways, issue and use a session:
// each needs one more round trip.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, env("require", nil))
	for number, wrong := range []time.Duration{-24 * time.Hour, 24 * time.Hour, -301 * time.Second,
		61 * time.Second} {
		phone := device.New(number)
		at := func() time.Time { return service.Clock.Now().Add(wrong) }
		nonce := assertCode(t, issue(t, service.Client, phone, at()), "proof_nonce_required", wrong)
		token := service.Token(t, phone.Thumbprint, dpop(phone.Proof(
			device.For(http.MethodPost, issueURI, at()).WithNonce(nonce))))
		assertCode(t, current(t, service.Client, phone, token, at()), "proof_nonce_required", wrong)
		with := func() harness.Response {
			return service.Current(t, bound(token), dpop(phone.Proof(device.For(http.MethodGet,
				currentURI, at()).ForToken(token).WithNonce(nonce))))
		}
		assertCode(t, with(), "", "the same nonce serves further requests")
		service.Clock.Advance(119 * time.Second)
		assertCode(t, with(), "", "for two minutes at least")
		service.Clock.Advance(121 * time.Second)
		fresh := assertCode(t, issue(t, service.Client, phone, at()), "proof_nonce_required")
		assert.NotEqual(t, nonce, fresh)
		again := assertCode(t, service.Issue(t, phone.Thumbprint, dpop(phone.Proof(device.For(
			http.MethodPost, issueURI, service.Clock.Now()).WithNonce(nonce)))),
			"proof_nonce_required", "an old nonce fails, whatever the clock says")
		assert.Equal(t, fresh, again)
	}
	right := device.New(9)
	for _, wrong := range []time.Duration{-300 * time.Second, 60 * time.Second} {
		assertCode(t, issue(t, service.Client, right, service.Clock.Now().Add(wrong)), "", wrong)
	}
}
