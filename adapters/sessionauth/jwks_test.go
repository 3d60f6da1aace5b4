package sessionauth_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
)

func TestKeysAreReadAnew(t *testing.T) {
	for name, c := range map[string]struct {
		cacheControl []string
		age          string
		every        time.Duration // at the longest; a tenth less at the least
	}{
		"as the issuer says":      {[]string{"public, max-age=300"}, "", 300 * time.Second},
		"in two lines":            {[]string{"public", "MAX-AGE=200"}, "", 200 * time.Second},
		"quoted":                  {[]string{`max-age="120"`}, "", 120 * time.Second},
		"it says nothing":         {nil, "", 5 * time.Minute},
		"it says too little":      {[]string{"max-age=1"}, "", time.Minute},
		"it says nought":          {[]string{"max-age=0"}, "", time.Minute},
		"it says too much":        {[]string{"max-age=31536000, immutable"}, "", 10 * time.Minute},
		"it says nonsense":        {[]string{"max-age=soon"}, "", 5 * time.Minute},
		"it says less than zero":  {[]string{"max-age=-5"}, "", 5 * time.Minute},
		"it says no number":       {[]string{"max-age=99999999999999999999"}, "", 5 * time.Minute},
		"not to be stored":        {[]string{"max-age=600, no-store"}, "", time.Minute},
		"a cache had it for long": {[]string{"max-age=300"}, "100", 200 * time.Second},
		"a cache had it too long": {[]string{"max-age=300"}, "4000", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := pair("a", 1)
				w := newWorld(t, publishes(t, key))
				w.reply.header = http.Header{"Cache-Control": c.cacheControl}
				if c.age != "" {
					w.reply.header.Set("Age", c.age)
				}
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				time.Sleep(3 * time.Hour)
				asked := w.reads()
				require.Greater(t, len(asked), 10)
				for n := range asked[1:] {
					gap := asked[n+1].Sub(asked[n])
					assert.LessOrEqual(t, gap, c.every)
					assert.GreaterOrEqual(t, gap, c.every-c.every/10)
				}
				assert.Equal(t, "ok", w.code(mint(t, key)))
			})
		})
	}
}

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
			reply{status: code, body: set(t, other), header: http.Header{"Location": {"https://elsewhere.test/"}}},
			sessionauth.RefreshError{Reason: sessionauth.RefreshStatus, Status: code},
		}
	}
	return map[string]bad{
		"no answer":              {down, word(sessionauth.RefreshUnreachable)},
		"late":                   {reply{status: 200, body: set(t, other), after: time.Hour}, word(sessionauth.RefreshLate)},
		"a body that comes late": {reply{status: 200, body: set(t, other), bodyAfter: time.Hour}, word(sessionauth.RefreshLate)},
		"500":                    status(500),
		"503":                    status(503),
		"404":                    status(404),
		"401":                    status(401),
		"204":                    status(204),
		"201":                    status(201),
		"301":                    status(301),
		"302":                    status(302),
		"308":                    status(308),
		"304 to nothing":         status(304),
		"a page":                 {ok("<!doctype html><html><body>Sign in to continue</body></html>"), word(sessionauth.RefreshMalformed)},
		"nothing":                {ok(""), word(sessionauth.RefreshMalformed)},
		"half a set":             {ok(set(t, other)[:60]), word(sessionauth.RefreshMalformed)},
		"another object":         {ok(`{"error":"unavailable"}`), word(sessionauth.RefreshMalformed)},
		"an id twice":            {ok(strings.Replace(set(t, other, pair("third", 3)), `"third"`, `"other"`, 1)), word(sessionauth.RefreshMalformed)},
		"an empty set":           {ok(`{"keys":[]}`), word(sessionauth.RefreshNoKeys)},
		"a secret alone":         {ok(`{"keys":[{"kty":"oct","alg":"HS256","kid":"a","k":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}]}`), word(sessionauth.RefreshNoKeys)},
		"too large":              {ok(set(t, other) + strings.Repeat(" ", keys.MaxSet)), word(sessionauth.RefreshTooLarge)},
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
				assert.Equal(t, "ok", w.code(mint(t, beside)), "a key that was given is nothing that the issuer could revoke")
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
				assert.Equal(t, "unauthorized", send(w.verifier).code(), "no keys are needed to tell")
				assert.Equal(t, "invalid_token", w.code("x.y"))
				assert.Equal(t, "ok", w.code(mint(t, secret)), "a key that was given needs no issuer")
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

func TestIssuerThatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newWorld(t, publishes(t, key))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		good := publishes(t, key)
		for n := range 500 {
			if w.answer(good); n%3 > 0 {
				w.answer([]reply{down, {status: 503}, {status: 200, body: "<html>"}}[n/3%3])
			}
			time.Sleep(17 * time.Second)
			require.Equal(t, "ok", w.code(mint(t, key)))
		}
		assert.LessOrEqual(t, len(w.reads()), 500*17/4, "not more often than every four seconds or so")

		w.answer(good)
		time.Sleep(2 * time.Minute)
		w.reads()
		w.answer(down)
		time.Sleep(6 * time.Minute)
		asked := w.reads()
		require.Greater(t, len(asked), 1)
		assert.LessOrEqual(t, asked[1].Sub(asked[0]), time.Second, "a new failure is tried again as soon as the first one was")
	})
}

func TestUnknownKeysDoNotHammerTheIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newWorld(t, publishes(t, key))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		time.Sleep(time.Second)
		w.reads()
		slow := publishes(t, key)
		slow.after = 100 * time.Millisecond
		w.answer(slow)
		began := time.Now()
		var flood sync.WaitGroup
		for n := range 1000 { // many each second, all under names of their own
			flood.Go(func() {
				time.Sleep(time.Duration(n) * 60 * time.Millisecond)
				sent := time.Now()
				assert.Equal(t, "invalid_token", w.code(mint(t, pair(keys.ID(fmt.Sprintf("made-up-%d", n)), 7))))
				assert.LessOrEqual(t, time.Since(sent), time.Second)
				assert.Equal(t, "ok", w.code(mint(t, key)), "others do not feel it")
			})
		}
		flood.Wait()
		asked := w.reads()
		assert.Equal(t, 6, len(asked), "in a minute")
		for n := range asked[1:] {
			assert.GreaterOrEqual(t, asked[n+1].Sub(asked[n]), 10*time.Second)
		}
		assert.Less(t, time.Since(began), 62*time.Second)
		assert.Equal(t, 1, w.most)
	})
}

func TestUnknownKeysDoNotHammerAnIssuerThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newWorld(t, publishes(t, key))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		w.answer(down)
		time.Sleep(time.Hour)
		w.reads()
		made := mint(t, pair("made-up", 7))
		for range 3600 {
			assert.Equal(t, "invalid_token", w.code(made))
			time.Sleep(time.Second)
		}
		assert.InDelta(t, 3600/10, len(w.reads()), 40, "an unknown key each ten seconds, and no more")
	})
}

func TestNewKeyIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := pair("old", 1), pair("next", 2)
		w := newWorld(t, publishes(t, old))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		time.Sleep(time.Second)
		w.reads()
		both := publishes(t, old, next)
		both.after = 200 * time.Millisecond
		w.answer(both)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				assert.Equal(t, "ok", w.code(mint(t, next)))
				assert.Equal(t, "ok", w.code(mint(t, old)))
			})
		}
		all.Wait()
		assert.Len(t, w.reads(), 1, "one reading for all of them")
	})
}

// A request that read the keys just before new ones came has them at once, and causes no reading.
func TestKeysThatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, publishes(t, pair("a", 1)))
		before := sessionauth.Ring(w.jwks)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		w.reads()
		began, now := time.Now(), sessionauth.Ring(w.jwks)
		assert.Same(t, now, sessionauth.After(t.Context(), w.jwks, before))
		assert.Zero(t, time.Since(began))
		synctest.Wait()
		assert.Empty(t, w.reads())
	})
}

func TestNobodyWaitsForAnIssuerThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := pair("old", 1), pair("next", 2)
		w := newWorld(t, publishes(t, old))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		both := publishes(t, old, next)
		both.after = 3 * time.Second
		w.answer(both)
		began := time.Now()
		assert.Equal(t, "invalid_token", w.code(mint(t, next)))
		assert.Equal(t, time.Second, time.Since(began), "a second, and no more")
		assert.Equal(t, "ok", w.code(mint(t, old)))
		assert.Equal(t, time.Second, time.Since(began), "who has a known key does not wait")

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := w.verifier.Authenticate(ctx, []string{"Bearer " + mint(t, next)})
		assert.Error(t, err)
		assert.Equal(t, time.Second+10*time.Millisecond, time.Since(began), "nor beyond the request")

		time.Sleep(2 * time.Second)
		assert.Equal(t, "ok", w.code(mint(t, next)))
	})
}

func TestKeyThatIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		w := newWorld(t, publishes(t, leaked, next))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		w.answer(publishes(t, next))
		assert.Equal(t, "ok", w.code(mint(t, leaked)))
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "invalid_token", w.code(mint(t, leaked)))
		assert.Equal(t, "ok", w.code(mint(t, next)))
	})
}

func TestLivesOfKeysThatASetTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		until := time.Now().Add(90 * time.Second).UTC().Format(time.RFC3339)
		first := publishes(t, key)
		first.body = strings.Replace(first.body, `"kid"`, `"verify_until":"`+until+`","kid"`, 1)
		w := newWorld(t, first)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		time.Sleep(90*time.Second - time.Nanosecond)
		assert.Equal(t, "ok", w.code(mint(t, key)))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, "invalid_token", w.code(mint(t, key)))
	})
}

func TestSetThatDidNotChangeIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		tagged := publishes(t, key)
		tagged.header.Set("ETag", `"one"`)
		w := newWorld(t, tagged)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		assert.Empty(t, w.tag())
		w.answer(reply{status: http.StatusNotModified, header: http.Header{"Cache-Control": {"max-age=120"}}})
		time.Sleep(time.Hour)
		assert.Equal(t, `"one"`, w.tag())
		assert.Equal(t, "ok", w.code(mint(t, key)))
		for _, err := range w.outcomes() {
			assert.NoError(t, err)
		}
		assert.InDelta(t, 3600/114, len(w.reads()), 4, "a 304 is a good answer, and tells for how long")
	})
}

func TestStartAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newWorld(t, publishes(t, key))
		began := time.Now()
		assert.Equal(t, "service_unavailable", w.code(mint(t, key)))
		assert.Empty(t, w.reads(), "nobody is asked before the start")
		assert.Zero(t, time.Since(began), "and nobody waits")
		require.NoError(t, w.jwks.Start(t.Context()))
		assert.ErrorIs(t, w.jwks.Start(t.Context()), sessionauth.ErrStarted)
		w.jwks.Close()
		w.jwks.Close()
		w.reads()
		assert.ErrorIs(t, w.jwks.Start(t.Context()), sessionauth.ErrStarted)
		assert.Equal(t, "ok", w.code(mint(t, key)), "the keys stay")
		assert.Equal(t, "invalid_token", w.code(mint(t, pair("next", 2))))
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Hour)
		assert.Empty(t, w.reads(), "nobody is asked after the end")
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, down)
		w.jwks.Close()
		assert.ErrorIs(t, w.jwks.Start(t.Context()), sessionauth.ErrStarted)
	})
	synctest.Test(t, func(t *testing.T) { // closed in the middle of a reading, with requests that wait for it
		slow := publishes(t, pair("a", 1))
		slow.after = 4 * time.Second
		w := newWorld(t, slow)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		assert.ErrorIs(t, w.jwks.Start(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
		go func() { assert.Equal(t, "service_unavailable", w.code(mint(t, pair("a", 1)))) }()
		synctest.Wait()
		w.jwks.Close()
		assert.Zero(t, w.underWay(), "Close ends the reading, and waits until nothing runs")
		synctest.Wait()
		assert.Equal(t, time.Second, time.Since(began))
		assert.Empty(t, w.outcomes(), "which is no failure of the issuer's")
	})
	synctest.Test(t, func(t *testing.T) { // Start's context ends its wait alone
		slow := publishes(t, pair("a", 1))
		slow.after = 4 * time.Second
		w := newWorld(t, slow)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		assert.Error(t, w.jwks.Start(ctx))
		cancel()
		time.Sleep(3 * time.Second)
		assert.Equal(t, "ok", w.code(mint(t, pair("a", 1))))
		w.jwks.Close()
	})
}
