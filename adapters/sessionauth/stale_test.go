package sessionauth_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
)

// suspended is a service on a machine that is suspended: timers and the monotonic clock stand still
// while the wall clock goes on.
type suspended struct {
	*service
	asleep atomic.Int64
}

func newSuspended(t *testing.T, first reply, additional ...keys.Key) *suspended {
	t.Helper()
	s := &suspended{service: newService(t, first, additional...)}
	sessionauth.Suspend(s.jwks, func() time.Duration { return time.Duration(s.asleep.Load()) })
	require.NoError(t, s.jwks.Start(t.Context()))
	s.reads()
	return s
}

func (s *suspended) sleep(d time.Duration) { s.asleep.Add(int64(d)) }

func slow(r reply, after time.Duration) reply {
	r.after = after
	return r
}

// answered sends a token and returns its code and how long the answer took.
func (s *suspended) answered(token string) (code string, took time.Duration) {
	began := time.Now()
	return s.code(token), time.Since(began)
}

func TestAgeIsThatOfTheClockThatShowsMore(t *testing.T) {
	assert.Equal(t, time.Hour, sessionauth.Age(time.Hour, time.Minute), "suspended")
	assert.Equal(t, time.Hour, sessionauth.Age(-time.Minute, time.Hour), "wall clock set back")
}

func TestRequestRefreshesStaleKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		s := newSuspended(t, publishes(t, leaked, next))
		defer s.jwks.Close()
		s.answer(slow(publishes(t, next), 120*time.Millisecond))
		s.sleep(5*time.Minute - time.Millisecond)
		code, took := s.answered(mint(t, leaked))
		assert.Equal(t, "ok", code, "the issuer promised five minutes")
		assert.Zero(t, took)
		s.sleep(time.Millisecond)
		code, took = s.answered(mint(t, leaked))
		assert.Equal(t, "invalid_token", code)
		assert.Equal(t, 120*time.Millisecond, took)
		code, took = s.answered(mint(t, next))
		assert.Equal(t, "ok", code)
		assert.Zero(t, took)
		assert.Len(t, s.reads(), 1)
	})
}

func TestOneReadServesAllRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		s := newSuspended(t, publishes(t, leaked, next))
		defer s.jwks.Close()
		s.answer(slow(publishes(t, next), 120*time.Millisecond))
		s.sleep(time.Hour)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				assert.Equal(t, "invalid_token", s.code(mint(t, leaked)))
				assert.Equal(t, "ok", s.code(mint(t, next)))
			})
		}
		all.Wait()
		assert.Len(t, s.reads(), 1)
	})
}

// TestStaleKeysStayInForceWithoutTheIssuer shows what requests wait for while the issuer is out:
// one second at most, and then nothing for ten seconds.
func TestStaleKeysStayInForceWithoutTheIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		reply reply
		took  time.Duration
	}{
		"unreachable": {down, 0},
		"failing":     {slow(reply{status: 503}, 300*time.Millisecond), 300 * time.Millisecond},
		"hanging":     {slow(reply{status: 503}, time.Hour), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := pair("a", 1)
				s := newSuspended(t, publishes(t, key))
				defer s.jwks.Close()
				s.answer(c.reply)
				s.sleep(time.Hour)
				code, took := s.answered(mint(t, key))
				assert.Equal(t, "ok", code, "the last good set stays in force")
				assert.Equal(t, c.took, took)
				for range 99 {
					time.Sleep(100 * time.Millisecond)
					code, took = s.answered(mint(t, key))
					require.Equal(t, "ok", code)
					require.Zero(t, took)
				}
				s.answer(publishes(t, pair("next", 2)))
				time.Sleep(2 * time.Minute)
				assert.Equal(t, "invalid_token", s.code(mint(t, key)))
			})
		})
	}
}

// TestReadThatWasCutIsRepeated shows that a read in progress when the machine was suspended, whose
// connection is dead, is neither waited for nor taken for an outage.
func TestReadThatWasCutIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		s := newSuspended(t, publishes(t, leaked))
		defer s.jwks.Close()
		time.Sleep(time.Minute)
		s.answer(slow(down, time.Hour))
		go func() { assert.Equal(t, "invalid_token", s.code(mint(t, next))) }()
		synctest.Wait()
		assert.Equal(t, 1, s.inProgress())
		s.answer(slow(publishes(t, next), 100*time.Millisecond))
		s.sleep(10 * time.Minute)
		code, took := s.answered(mint(t, leaked))
		assert.Equal(t, "invalid_token", code)
		assert.Equal(t, 100*time.Millisecond, took)
	})
}

// TestReadThatWasCutIsNoFailure shows that the process may be frozen in the midst of every read in
// the background: the first request that needs the keys reads them.
func TestReadThatWasCutIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		s := newSuspended(t, publishes(t, leaked))
		defer s.jwks.Close()
		s.answer(slow(down, 4*time.Second)) // fails before its timeout
		time.Sleep(4 * time.Minute)
		for s.inProgress() == 0 { // the first of them, and not a retry
			time.Sleep(100 * time.Millisecond)
		}
		s.sleep(time.Minute)
		time.Sleep(4 * time.Second)
		assert.Zero(t, s.inProgress())
		s.answer(publishes(t, next))
		assert.Equal(t, "invalid_token", s.code(mint(t, leaked)))
	})
}

func TestClientsThatGoAwayStopNoRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaked, next := pair("leaked", 1), pair("next", 2)
		s := newSuspended(t, publishes(t, leaked))
		defer s.jwks.Close()
		s.answer(slow(publishes(t, next), 500*time.Millisecond))
		s.sleep(time.Hour)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.verifier.Authenticate(gone,
			sessionauth.Credentials{Authorization: []string{"Bearer " + mint(t, leaked)}})
		assert.NoError(t, err, "its answer goes nowhere")
		assert.Equal(t, "invalid_token", s.code(mint(t, leaked)))
		assert.Len(t, s.reads(), 1)
	})
}

func TestOnlyPublishableKeysWaitForARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := keys.NewHS256("old", []byte(strong), keys.Plan{})
		s := newSuspended(t, publishes(t, pair("a", 1)), secret)
		defer s.jwks.Close()
		s.sleep(time.Hour)
		s.answer(slow(down, time.Hour))
		for _, token := range []string{mint(t, secret), "x.y", "x.y.z",
			mint(t, keys.NewHS256("unknown", []byte(strong), keys.Plan{}))} {
			_, took := s.answered(token)
			assert.Zero(t, took)
		}
		synctest.Wait()
		assert.Empty(t, s.reads())
	})
}

func TestClosedKeysAreNotRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		s := newSuspended(t, publishes(t, key))
		s.jwks.Close()
		s.sleep(time.Hour)
		code, took := s.answered(mint(t, key))
		assert.Equal(t, "ok", code)
		assert.Zero(t, took)
		assert.Empty(t, s.reads())
	})
}

func TestReadNamesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSuspended(t, publishes(t, pair("a", 1)))
		defer s.jwks.Close()
		assert.Equal(t, "sessionauth-go", s.last.Header.Get("User-Agent"))
	})
}

// TestUnchangedKeysAreFreshAgain shows that a 304 counts as a read.
func TestUnchangedKeysAreFreshAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := pair("a", 1)
		first := publishes(t, key)
		first.header.Set("ETag", `"one"`)
		s := newSuspended(t, first)
		defer s.jwks.Close()
		s.answer(slow(reply{status: 304}, 100*time.Millisecond))
		s.sleep(time.Hour)
		for _, want := range []time.Duration{100 * time.Millisecond, 0, 0} {
			code, took := s.answered(mint(t, key))
			assert.Equal(t, "ok", code)
			assert.Equal(t, want, took)
		}
		assert.Len(t, s.reads(), 1)
	})
}
