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

// badAnswers are answers that must change nothing, and the word that is told.
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
	word := func(reason sessionauth.RefreshReason) sessionauth.RefreshError {
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
		"no answer": {down, word(sessionauth.RefreshUnreachable)},
		"late": {reply{status: 200, body: set(t, other), after: time.Hour},
			word(sessionauth.RefreshLate)},
		"a body that comes late": {reply{status: 200, body: set(t, other), bodyAfter: time.Hour},
			word(sessionauth.RefreshLate)},
		"500":            status(500),
		"503":            status(503),
		"404":            status(404),
		"401":            status(401),
		"204":            status(204),
		"201":            status(201),
		"301":            status(301),
		"302":            status(302),
		"308":            status(308),
		"304 to nothing": status(304),
		"a page": {ok(
			"<!doctype html><html><body>Sign in to continue</body></html>"),
			word(sessionauth.RefreshMalformed)},
		"nothing":    {ok(""), word(sessionauth.RefreshMalformed)},
		"half a set": {ok(set(t, other)[:60]), word(sessionauth.RefreshMalformed)},
		"another object": {ok(`{"error":"unavailable"}`),
			word(sessionauth.RefreshMalformed)},
		"an id twice": {ok(strings.Replace(set(t, other, pair("third", 3)), `"third"`,
			`"other"`, 1)), word(sessionauth.RefreshMalformed)},
		"an empty set": {ok(`{"keys":[]}`), word(sessionauth.RefreshNoKeys)},
		"a secret alone": {ok(
			`{"keys":[{"kty":"oct","alg":"HS256","kid":"a","k":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}]}`), word(sessionauth.RefreshNoKeys)},
		"too large": {ok(set(t, other) + strings.Repeat(" ", keys.MaxSetBytes)),
			word(sessionauth.RefreshTooLarge)},
	}
}

func TestWhatIsNoSetChangesNothing(t *testing.T) {
	for name, c := range badAnswers(t) {
		if c.want.Reason == sessionauth.RefreshNoKeys {
			continue // a set, but for the first
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, other := pair("a", 1), pair("other", 9)
				w := newWorld(t, publishes(t, key))
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				w.outcomes()
				w.answer(c.reply)
				time.Sleep(time.Hour)
				assert.Equal(t, "ok", w.code(mint(t, key)), "the last good set stays")
				assert.Equal(t, "invalid_token", w.code(mint(t, other)))
				told := w.outcomes()
				require.NotEmpty(t, told)
				for _, err := range told {
					assert.Equal(t, &c.want, err)
					assert.NotContains(t, err.Error(), "issuer.test")
					assert.NotContains(t, err.Error(), "192.0.2.1")
				}
				assert.LessOrEqual(t, len(told), 80, "it is asked less and less often")

				w.answer(publishes(t, other))
				time.Sleep(time.Minute + 5*time.Second)
				told = w.outcomes()
				require.NotEmpty(t, told, "the issuer is asked at least each minute while it fails")
				assert.NoError(t, told[len(told)-1])
				assert.Equal(t, "ok", w.code(mint(t, other)), "the next good one takes force")
				assert.Equal(t, "invalid_token", w.code(mint(t, key)), "and is whole")
				assert.Equal(t, 1, w.most, "one reading at a time")
			})
		})
	}
}

// TestAllKeysRevoked has the issuer publish none any more: that is a revocation like any other.
func TestAllKeysRevoked(t *testing.T) {
	for name, c := range badAnswers(t) {
		if c.want.Reason != sessionauth.RefreshNoKeys {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, beside := pair("a", 1), keys.NewHS256("old", []byte(strong), keys.Plan{})
				w := newWorld(t, publishes(t, key), beside)
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
				assert.Equal(t, "ok", w.code(mint(t, beside)),
					"a key that was given is nothing that the issuer could revoke")
				w.answer(publishes(t, key))
				time.Sleep(time.Hour)
				assert.Equal(t, "ok", w.code(mint(t, key)))
			})
		})
	}
}

func TestWithoutAnyKeysYet(t *testing.T) {
	for name, c := range badAnswers(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, secret := pair("a", 1), keys.NewHS256("old", []byte(strong), keys.Plan{})
				w := newWorld(t, c.reply, secret)
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
					"no keys are needed to tell")
				assert.Equal(t, "invalid_token", w.code("x.y"))
				assert.Equal(t, "ok", w.code(mint(t, secret)),
					"a key that was given needs no issuer")
				w.outcomes()
				w.answer(publishes(t, key))
				time.Sleep(10 * time.Second)
				told := w.outcomes()
				require.NotEmpty(t, told)
				assert.NoError(t, told[len(told)-1], "seconds after the issuer is there")
				assert.Equal(t, "ok", w.code(mint(t, key)))
			})
		})
	}
}
