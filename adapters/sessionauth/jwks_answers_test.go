package sessionauth_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
)

// badAnswers returns answers that must change nothing, and the error that is reported for each.
func badAnswers(t *testing.T) map[string]struct {
	reply reply
	want  sessionauth.RefreshError
} {
	other := pair("other", 9)
	type bad = struct {
		reply reply
		want  sessionauth.RefreshError
	}
	ok := func(body string) reply { return reply{status: 200, body: body} }
	failedWith := func(reason sessionauth.RefreshReason) sessionauth.RefreshError {
		return sessionauth.RefreshError{Reason: reason}
	}
	status := func(code int) bad {
		return bad{
			reply{status: code, body: set(t, other),
				header: http.Header{"Location": {"https://elsewhere.test/"}}},
			sessionauth.RefreshError{Reason: sessionauth.RefreshStatus, Status: code},
		}
	}
	return map[string]bad{
		"unreachable": {down, failedWith(sessionauth.RefreshUnreachable)},
		"late answer": {reply{status: 200, body: set(t, other), after: time.Hour},
			failedWith(sessionauth.RefreshLate)},
		"late body": {reply{status: 200, body: set(t, other), bodyAfter: time.Hour},
			failedWith(sessionauth.RefreshLate)},
		"500":                       status(500),
		"503":                       status(503),
		"404":                       status(404),
		"401":                       status(401),
		"204":                       status(204),
		"201":                       status(201),
		"301":                       status(301),
		"302":                       status(302),
		"308":                       status(308),
		"304 without If-None-Match": status(304),
		"HTML page": {ok(
			"<!doctype html><html><body>Sign in to continue</body></html>"),
			failedWith(sessionauth.RefreshMalformed)},
		"empty body":    {ok(""), failedWith(sessionauth.RefreshMalformed)},
		"truncated set": {ok(set(t, other)[:60]), failedWith(sessionauth.RefreshMalformed)},
		"JSON without keys": {ok(`{"error":"unavailable"}`),
			failedWith(sessionauth.RefreshMalformed)},
		"duplicate kid": {ok(strings.Replace(set(t, other, pair("third", 3)), `"third"`,
			`"other"`, 1)), failedWith(sessionauth.RefreshMalformed)},
		"empty set": {ok(`{"keys":[]}`), failedWith(sessionauth.RefreshNoKeys)},
		"only a secret": {ok(
			`{"keys":[{"kty":"oct","alg":"HS256","kid":"a","k":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}]}`), failedWith(sessionauth.RefreshNoKeys)},
		"too large": {ok(set(t, other) + strings.Repeat(" ", keys.MaxSetBytes)),
			failedWith(sessionauth.RefreshTooLarge)},
	}
}

func TestBadAnswersChangeNothing(t *testing.T) {
	for name, c := range badAnswers(t) {
		if c.want.Reason == sessionauth.RefreshNoKeys {
			continue // takes effect, except as the first set: see TestAppliesRevocationOfAllKeys
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, other := pair("a", 1), pair("other", 9)
				w := newService(t, publishes(t, key))
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				w.outcomes()
				w.answer(c.reply)
				time.Sleep(time.Hour)
				assert.Equal(t, "ok", w.code(mint(t, key)), "the last good set stays in force")
				assert.Equal(t, "invalid_token", w.code(mint(t, other)))
				results := w.outcomes()
				require.NotEmpty(t, results)
				for _, err := range results {
					assert.Equal(t, &c.want, err)
					assert.NotContains(t, err.Error(), "issuer.test")
					assert.NotContains(t, err.Error(), "192.0.2.1")
				}
				assert.LessOrEqual(t, len(results), 80, "retries back off")

				w.answer(publishes(t, other))
				time.Sleep(time.Minute + 5*time.Second)
				results = w.outcomes()
				require.NotEmpty(t, results, "a failing issuer is retried at least every minute")
				assert.NoError(t, results[len(results)-1])
				assert.Equal(t, "ok", w.code(mint(t, other)), "the next good set takes effect")
				assert.Equal(t, "invalid_token", w.code(mint(t, key)),
					"and replaces the previous one entirely")
				assert.Equal(t, 1, w.maxActive, "one read at a time")
			})
		})
	}
}

// TestAppliesRevocationOfAllKeys shows that a set without keys revokes all published keys.
func TestAppliesRevocationOfAllKeys(t *testing.T) {
	for name, c := range badAnswers(t) {
		if c.want.Reason != sessionauth.RefreshNoKeys {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, additional := pair("a", 1), keys.NewHS256("old", []byte(strong), keys.Plan{})
				w := newService(t, publishes(t, key), additional)
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				assert.Equal(t, "ok", w.code(mint(t, key)))
				w.outcomes()
				w.answer(c.reply)
				time.Sleep(time.Hour)
				for _, err := range w.outcomes() {
					assert.NoError(t, err)
				}
				assert.Equal(t, "invalid_token", w.code(mint(t, key)))
				assert.Equal(t, "ok", w.code(mint(t, additional)),
					"the issuer cannot revoke an additional key")
				w.answer(publishes(t, key))
				time.Sleep(time.Hour)
				assert.Equal(t, "ok", w.code(mint(t, key)))
			})
		})
	}
}

func TestAnswers503BeforeTheFirstKeys(t *testing.T) {
	for name, c := range badAnswers(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, secret := pair("a", 1), keys.NewHS256("old", []byte(strong), keys.Plan{})
				w := newService(t, c.reply, secret)
				began := time.Now()
				assert.Equal(t, &c.want, w.jwks.Start(t.Context()))
				assert.LessOrEqual(t, time.Since(began), 5*time.Second)
				defer w.jwks.Close()
				refused := send(w.verifier, "Bearer "+mint(t, key))
				assert.Equal(t, http.StatusServiceUnavailable, refused.Code)
				assert.Equal(t, "service_unavailable", refused.code())
				assert.Equal(t, "1", refused.Header().Get("Retry-After"))
				assert.Empty(t, refused.Header().Values("WWW-Authenticate"))
				assert.Equal(t, "unauthorized", send(w.verifier).code(),
					"a missing token needs no keys")
				assert.Equal(t, "invalid_token", w.code("x.y"))
				assert.Equal(t, "ok", w.code(mint(t, secret)),
					"an additional key needs no issuer")
				w.outcomes()
				w.answer(publishes(t, key))
				time.Sleep(10 * time.Second)
				results := w.outcomes()
				require.NotEmpty(t, results)
				assert.NoError(t, results[len(results)-1],
					"within seconds after the issuer is back")
				assert.Equal(t, "ok", w.code(mint(t, key)))
			})
		})
	}
}
