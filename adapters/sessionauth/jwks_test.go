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
		assert.LessOrEqual(t, len(w.reads()), 500*17/4,
			"not more often than every four seconds or so")

		w.answer(good)
		time.Sleep(2 * time.Minute)
		w.reads()
		w.answer(down)
		time.Sleep(6 * time.Minute)
		asked := w.reads()
		require.Greater(t, len(asked), 1)
		assert.LessOrEqual(t, asked[1].Sub(asked[0]), time.Second,
			"a new failure is tried again as soon as the first one was")
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
				assert.Equal(t, "invalid_token",
					w.code(mint(t, pair(keys.ID(fmt.Sprintf("made-up-%d", n)), 7))))
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
		assert.InDelta(t, 3600/10, len(w.reads()), 40,
			"an unknown key each ten seconds, and no more")
	})
}

// Published keys are EdDSA keys under ids that are ids. Whatever else a token names, the issuer is
// not asked and nobody waits.
func TestWhatCannotBePublishedIsNotAskedFor(t *testing.T) {
	for name, key := range map[string]keys.Key{
		"the compact form":       keys.NewHS256("unknown", []byte(strong), keys.Plan{}),
		"a kid that is none":     pair("no id at all", 7),
		"a kid that is empty":    pair("", 7),
		"a kid that is too long": pair(keys.ID(strings.Repeat("a", 65)), 7),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, down)
				require.Error(t, w.jwks.Start(t.Context()))
				defer w.jwks.Close()
				assert.Equal(t, "invalid_token", w.code(mint(t, key)),
					"no set could make it sound, whether there is one or not")
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
		assert.Equal(t, time.Second+10*time.Millisecond, time.Since(began),
			"nor beyond the request")

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
		w.answer(reply{status: http.StatusNotModified,
			header: http.Header{"Cache-Control": {"max-age=120"}}})
		time.Sleep(time.Hour)
		assert.Equal(t, `"one"`, w.tag())
		assert.Equal(t, "ok", w.code(mint(t, key)))
		for _, err := range w.outcomes() {
			assert.NoError(t, err)
		}
		assert.InDelta(t, 3600/114, len(w.reads()), 4,
			"a 304 is a good answer, and tells for how long")
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
