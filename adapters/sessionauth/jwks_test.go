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

func TestRefreshInterval(t *testing.T) {
	for name, c := range map[string]struct {
		cacheControl []string
		age          string
		every        time.Duration // at most; at least nine tenths of it
	}{
		"max-age":                {[]string{"public, max-age=300"}, "", 300 * time.Second},
		"max-age on second line": {[]string{"public", "MAX-AGE=200"}, "", 200 * time.Second},
		"max-age quoted":         {[]string{`max-age="120"`}, "", 120 * time.Second},
		"no Cache-Control":       {nil, "", 5 * time.Minute},
		"max-age below minimum":  {[]string{"max-age=1"}, "", time.Minute},
		"max-age zero":           {[]string{"max-age=0"}, "", time.Minute},
		"max-age above maximum":  {[]string{"max-age=31536000, immutable"}, "", 10 * time.Minute},
		"max-age not a number":   {[]string{"max-age=soon"}, "", 5 * time.Minute},
		"max-age negative":       {[]string{"max-age=-5"}, "", 5 * time.Minute},
		"max-age too long":       {[]string{"max-age=99999999999999999999"}, "", 5 * time.Minute},
		"no-store":               {[]string{"max-age=600, no-store"}, "", time.Minute},
		"Age below max-age":      {[]string{"max-age=300"}, "100", 200 * time.Second},
		"Age above max-age":      {[]string{"max-age=300"}, "4000", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := pair("a", 1)
				w := newService(t, publishes(t, key))
				w.reply.header = http.Header{"Cache-Control": c.cacheControl}
				if c.age != "" {
					w.reply.header.Set("Age", c.age)
				}
				require.NoError(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				time.Sleep(3 * time.Hour)
				reads := w.reads()
				require.Greater(t, len(reads), 10)
				for n := range reads[1:] {
					gap := reads[n+1].Sub(reads[n])
					assert.LessOrEqual(t, gap, c.every)
					assert.GreaterOrEqual(t, gap, c.every-c.every/10)
				}
				assert.Equal(t, "ok", w.code(mint(t, key)))
			})
		})
	}
}

func TestKeepsKeysWhileIssuerIsUnstable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newService(t, publishes(t, key))
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
		assert.LessOrEqual(t, len(w.reads()), 500*17/4,
			"on average at most one read in four seconds")

		w.answer(good)
		time.Sleep(2 * time.Minute)
		w.reads()
		w.answer(down)
		time.Sleep(6 * time.Minute)
		reads := w.reads()
		require.Greater(t, len(reads), 1)
		assert.LessOrEqual(t, reads[1].Sub(reads[0]), time.Second,
			"the first retry after a success is quick again")
	})
}

func TestLimitsReadsForUnknownKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newService(t, publishes(t, key))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		time.Sleep(time.Second)
		w.reads()
		slow := publishes(t, key)
		slow.after = 100 * time.Millisecond
		w.answer(slow)
		began := time.Now()
		var flood sync.WaitGroup
		for n := range 1000 { // several each second, each with another key ID
			flood.Go(func() {
				time.Sleep(time.Duration(n) * 60 * time.Millisecond)
				sent := time.Now()
				assert.Equal(t, "invalid_token",
					w.code(mint(t, pair(keys.ID(fmt.Sprintf("made-up-%d", n)), 7))))
				assert.LessOrEqual(t, time.Since(sent), time.Second)
				assert.Equal(t, "ok", w.code(mint(t, key)),
					"requests with a known key are not affected")
			})
		}
		flood.Wait()
		reads := w.reads()
		assert.Equal(t, 6, len(reads), "one read in ten seconds, for one minute")
		for n := range reads[1:] {
			assert.GreaterOrEqual(t, reads[n+1].Sub(reads[n]), 10*time.Second)
		}
		assert.Less(t, time.Since(began), 62*time.Second)
		assert.Equal(t, 1, w.maxActive)
	})
}

func TestLimitsReadsForUnknownKeysWhileIssuerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newService(t, publishes(t, key))
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
		assert.InDelta(t, 3600/10, len(w.reads()), 40,
			"unknown keys cause at most one read in ten seconds")
	})
}

// TestDoesNotReadForUnpublishableKeys shows that only a token that may be signed by a published
// key, a JWS with a well-formed ID, causes a read or waits for one.
func TestDoesNotReadForUnpublishableKeys(t *testing.T) {
	for name, key := range map[string]keys.Key{
		"compact form":         keys.NewHS256("unknown", []byte(strong), keys.Plan{}),
		"kid with white space": pair("no id at all", 7),
		"empty kid":            pair("", 7),
		"kid too long":         pair(keys.ID(strings.Repeat("a", 65)), 7),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newService(t, down)
				require.Error(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				assert.Equal(t, "invalid_token", w.code(mint(t, key)),
					"no set could make it valid, so it is not a 503")
				w.answer(publishes(t, pair("a", 1)))
				time.Sleep(time.Minute)
				w.reads()
				slow := publishes(t, pair("a", 1))
				slow.after = time.Second / 2
				w.answer(slow)
				began := time.Now()
				assert.Equal(t, "invalid_token", w.code(mint(t, key)))
				assert.Zero(t, time.Since(began))
				synctest.Wait()
				assert.Empty(t, w.reads())
			})
		})
	}
}

func TestFindsNewKeyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := pair("old", 1), pair("next", 2)
		w := newService(t, publishes(t, old))
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
		assert.Len(t, w.reads(), 1, "one read serves all requests")
	})
}

// TestUsesKeysThatCameInTheMeantime shows that a request that saw the keyring just before a new one
// came gets the new one at once, and causes no read.
func TestUsesKeysThatCameInTheMeantime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newService(t, publishes(t, pair("a", 1)))
		before := sessionauth.Keyring(w.jwks)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		w.reads()
		began, now := time.Now(), sessionauth.Keyring(w.jwks)
		assert.Same(t, now, sessionauth.Refreshed(t.Context(), w.jwks, before))
		assert.Zero(t, time.Since(began))
		synctest.Wait()
		assert.Empty(t, w.reads())
	})
}

func TestBoundsWaitForSlowIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := pair("old", 1), pair("next", 2)
		w := newService(t, publishes(t, old))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		both := publishes(t, old, next)
		both.after = 3 * time.Second
		w.answer(both)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := w.verifier.Authenticate(ctx,
			sessionauth.Credentials{Authorization: []string{"Bearer " + mint(t, next)}})
		assert.Error(t, err)
		assert.Equal(t, 10*time.Millisecond, time.Since(began),
			"not beyond the request's context")

		began = time.Now()
		assert.Equal(t, "invalid_token", w.code(mint(t, next)))
		assert.Equal(t, time.Second, time.Since(began), "one second at most")
		assert.Equal(t, "ok", w.code(mint(t, old)))
		assert.Equal(t, time.Second, time.Since(began), "a request with a known key does not wait")

		time.Sleep(2 * time.Second)
		assert.Equal(t, "ok", w.code(mint(t, next)))
	})
}

// TestUnknownKeysWaitOnceWhileTheIssuerIsOut shows that a sender of tokens with unknown keys cannot
// have every request wait for an issuer that hangs.
func TestUnknownKeysWaitOnceWhileTheIssuerIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, unknown := pair("old", 1), pair("unknown", 2)
		w := newService(t, publishes(t, old))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		hanging := reply{status: 503}
		hanging.after = time.Hour
		w.answer(hanging)
		began := time.Now()
		assert.Equal(t, "invalid_token", w.code(mint(t, unknown)))
		assert.Equal(t, time.Second, time.Since(began))
		for range 99 {
			time.Sleep(100 * time.Millisecond)
			began = time.Now()
			require.Equal(t, "invalid_token", w.code(mint(t, unknown)))
			require.Zero(t, time.Since(began))
		}
		w.answer(publishes(t, old, unknown))
		time.Sleep(20 * time.Second)
		assert.Equal(t, "ok", w.code(mint(t, unknown)))
	})
}

func TestRefusesWithdrawnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		w := newService(t, publishes(t, leaked, next))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		w.answer(publishes(t, next))
		assert.Equal(t, "ok", w.code(mint(t, leaked)))
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "invalid_token", w.code(mint(t, leaked)))
		assert.Equal(t, "ok", w.code(mint(t, next)))
	})
}

func TestObservesVerifyUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		until := time.Now().Add(90 * time.Second).UTC().Format(time.RFC3339)
		first := publishes(t, key)
		first.body = strings.Replace(first.body, `"kid"`, `"verify_until":"`+until+`","kid"`, 1)
		w := newService(t, first)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		time.Sleep(90*time.Second - time.Nanosecond)
		assert.Equal(t, "ok", w.code(mint(t, key)))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, "invalid_token", w.code(mint(t, key)))
	})
}

func TestSendsETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		tagged := publishes(t, key)
		tagged.header.Set("ETag", `"one"`)
		w := newService(t, tagged)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		assert.Empty(t, w.tag())
		w.answer(reply{status: http.StatusNotModified,
			header: http.Header{"Cache-Control": {"max-age=120"}}})
		time.Sleep(time.Hour)
		assert.Equal(t, `"one"`, w.tag())
		assert.Equal(t, "ok", w.code(mint(t, key)))
		for _, err := range w.outcomes() {
			assert.NoError(t, err)
		}
		assert.InDelta(t, 3600/114, len(w.reads()), 4,
			"a 304 is a good answer, and its max-age counts")
	})
}

func TestStartAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		w := newService(t, publishes(t, key))
		began := time.Now()
		assert.Equal(t, "service_unavailable", w.code(mint(t, key)))
		assert.Empty(t, w.reads(), "no read before Start")
		assert.Zero(t, time.Since(began), "no wait before Start")
		require.NoError(t, w.jwks.Start(t.Context()))
		assert.ErrorIs(t, w.jwks.Start(t.Context()), sessionauth.ErrStarted)
		w.jwks.Close()
		w.jwks.Close()
		w.reads()
		assert.ErrorIs(t, w.jwks.Start(t.Context()), sessionauth.ErrStarted)
		assert.Equal(t, "ok", w.code(mint(t, key)), "the keys stay in force")
		assert.Equal(t, "invalid_token", w.code(mint(t, pair("next", 2))))
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Hour)
		assert.Empty(t, w.reads(), "no read after Close")
	})
	synctest.Test(t, func(t *testing.T) {
		w := newService(t, down)
		w.jwks.Close()
		assert.ErrorIs(t, w.jwks.Start(t.Context()), sessionauth.ErrStarted)
	})
	// Close in the middle of a read, while a request waits for it.
	synctest.Test(t, func(t *testing.T) {
		slow := publishes(t, pair("a", 1))
		slow.after = 4 * time.Second
		w := newService(t, slow)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		assert.ErrorIs(t, w.jwks.Start(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
		go func() { assert.Equal(t, "service_unavailable", w.code(mint(t, pair("a", 1)))) }()
		synctest.Wait()
		w.jwks.Close()
		assert.Zero(t, w.inProgress(),
			"Close ends the read, and waits until the goroutine has ended")
		synctest.Wait()
		assert.Equal(t, time.Second, time.Since(began))
		assert.Empty(t, w.outcomes(), "a read that Close ends is not reported as a failure")
	})
	// The end of Start's context ends only its wait, not the read.
	synctest.Test(t, func(t *testing.T) {
		slow := publishes(t, pair("a", 1))
		slow.after = 4 * time.Second
		w := newService(t, slow)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		assert.Error(t, w.jwks.Start(ctx))
		cancel()
		time.Sleep(3 * time.Second)
		assert.Equal(t, "ok", w.code(mint(t, pair("a", 1))))
		w.jwks.Close()
	})
}
