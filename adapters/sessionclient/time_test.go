package sessionclient_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// In these tests the client has its own clock, and time passes in a bubble.

func TestAWaitIsRetryAfterAndAtMostATenthMore(t *testing.T) {
	t.Parallel()
	waits := map[time.Duration]bool{}
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			service := &service{}
			service.answer = func(*http.Request) (*http.Response, error) {
				if service.seen() > 1 {
					return nil, nil
				}
				return reply(429, "", "Retry-After", "60"), nil
			}
			client, began := newClient(t, service, nil), time.Now()
			_, err := client.Token(t.Context())
			require.NoError(t, err)
			waited := time.Since(began)
			assert.GreaterOrEqual(t, waited, time.Minute)
			assert.Less(t, waited, 66*time.Second)
			waits[waited] = true
		})
	}
	assert.Greater(t, len(waits), 40, "clients that were refused together must not return together")
}

func TestDefaultsOfWaits(t *testing.T) {
	t.Parallel()
	for retryAfter, waits := range map[string]bool{"135": true, "151": false} {
		synctest.Test(t, func(t *testing.T) {
			service := &service{}
			service.answer = func(*http.Request) (*http.Response, error) {
				if service.seen() > 1 {
					return nil, nil
				}
				return reply(503, "", "Retry-After", retryAfter), nil
			}
			began := time.Now()
			_, err := newClient(t, service, nil).Token(t.Context())
			assert.Equal(t, waits, err == nil, "%s s: %v", retryAfter, err)
			assert.Equal(t, waits, time.Since(began) > 0)
		})
	}
}

func TestASilentServerEndsByTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := &service{answer: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		client, began := newClient(t, service, nil), time.Now()
		_, err := client.Token(t.Context())
		failure, ok := errors.AsType[*sessionclient.Error](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, sessionclient.CodeTimeout, failure.Code)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.ErrorIs(t, err, context.DeadlineExceeded, "the cause")
	})
}

func TestASilentServerDoesNotKeepACallerWhoseContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := &service{answer: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		client, began := newClient(t, service, nil), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Token(ctx)
		assert.Equal(t, context.DeadlineExceeded, err, "the error of the context as it is")
		assert.Equal(t, time.Second, time.Since(began))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.True(t, sessionclient.Idle(client), "the exchange ends by its timeout")
	})
}

func TestASilentServerDoesNotDelayRequestsWhileASessionIsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := &service{}
		service.answer = func(r *http.Request) (*http.Response, error) {
			if service.seen() == 1 {
				return nil, nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		client := newClient(t, service, nil)
		first, err := client.Token(t.Context())
		require.NoError(t, err)
		time.Sleep(97 * time.Second)
		// The second request ends after 10 s; the next one begins 10 s later, and one 20 s after
		// its end.
		for second := range 100 {
			began := time.Now()
			token, err := client.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, first, token)
			assert.Zero(t, time.Since(began))
			synctest.Wait()
			want := map[int]int{0: 2, 19: 2, 20: 3, 49: 3, 50: 4}[second]
			if want != 0 {
				assert.Equal(t, want, service.seen(), "after %d s", second)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAStuckStorageLockIsPassedByAfterTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		storage := sessionclient.NewMemoryStorage()
		unlock, err := storage.Lock(t.Context())
		require.NoError(t, err)
		defer unlock()
		client := newClient(t, &service{}, func(c *sessionclient.Config) {
			c.Storage, c.Timeout = storage, 3*time.Second
		})
		began := time.Now()
		_, err = client.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

// stuck is a Storage whose Load never returns before its context ends.
type stuck struct{ sessionclient.Storage }

// Load implements sessionclient.Storage.
func (stuck) Load(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestAStuckStorageDoesNotKeepACallerWhoseContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &service{}, func(c *sessionclient.Config) {
			c.Storage = stuck{sessionclient.NewMemoryStorage()}
		})
		began := time.Now()
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := client.Token(ctx)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		calls.Wait()
		assert.Equal(t, time.Second, time.Since(began))
		_, err := client.Token(t.Context())
		assert.NoError(t, err, "the storage must be passed by after the timeout")
	})
}

func TestBackoffOfRenewalsEndsAtFiveMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		began := time.Now()
		service := &service{}
		service.answer = func(*http.Request) (*http.Response, error) {
			if service.seen() == 1 {
				return nil, nil
			}
			at = append(at, time.Since(began))
			return reply(500, ""), nil
		}
		client := newClient(t, service, nil)
		for range 1500 {
			_, err := client.Token(t.Context())
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		var between []time.Duration
		for i := range at[1:] {
			between = append(between, (at[i+1] - at[i]).Round(time.Second))
		}
		assert.Equal(t, []time.Duration{10e9, 20e9, 40e9, 80e9, 160e9, 300e9, 300e9, 300e9},
			between[:8])
	})
}

func TestOneRequestWaitsForSessionsForMaxWaitInAll(t *testing.T) {
	t.Parallel()
	for retryAfter, waits := range map[string]bool{"40": true, "60": false} {
		synctest.Test(t, func(t *testing.T) {
			service := &service{}
			service.answer = func(*http.Request) (*http.Response, error) {
				switch service.seen() {
				case 1:
					return reply(429, "", "Retry-After", "95"), nil
				case 3:
					return reply(429, "", "Retry-After", retryAfter), nil
				}
				return nil, nil
			}
			sends := 0
			transport := newClient(t, service, nil).RoundTripper(roundTripper(
				func(*http.Request) (*http.Response, error) {
					time.Sleep(time.Hour) // is not counted
					if sends++; sends == 1 {
						return reply(401, "", "X-Error-Code", "invalid_token"), nil
					}
					return reply(200, ""), nil
				}))
			request, err := http.NewRequest("GET", applicationURL, nil)
			require.NoError(t, err)
			response, err := transport.RoundTrip(request)
			assert.Equal(t, waits, err == nil, "%s s: %v", retryAfter, err)
			if err == nil {
				assert.Equal(t, 200, response.StatusCode)
			}
		})
	}
}

func TestAllWaitingEndsAfterMaxWait(t *testing.T) {
	t.Parallel()
	slow := func(s *service) {
		s.answer = func(*http.Request) (*http.Response, error) {
			time.Sleep(8 * time.Second)
			return nil, nil
		}
	}
	synctest.Test(t, func(t *testing.T) {
		service := &service{}
		slow(service)
		client := newClient(t, service, func(c *sessionclient.Config) { c.MaxWait = 2 * time.Second })
		began := time.Now()
		_, err := client.Token(t.Context())
		var failure *sessionclient.Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, sessionclient.CodeTimeout, failure.Code)
		assert.Equal(t, 3*time.Second, time.Since(began))
		time.Sleep(6 * time.Second) // the exchange goes on, and its result is kept
		_, err = client.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, service.seen())
	})
	synctest.Test(t, func(t *testing.T) {
		service := &service{}
		slow(service)
		storage := sessionclient.NewMemoryStorage()
		require.NoError(t, storage.Save(t.Context(), sessionclient.Text("install-12345", "stored.token")))
		client := newClient(t, service, func(c *sessionclient.Config) {
			c.MaxWait, c.Storage = 2*time.Second, storage
		})
		token, err := client.Token(t.Context())
		require.NoError(t, err, "the session that is held is used if its renewal takes too long")
		assert.Equal(t, "stored.token", token)
		time.Sleep(6 * time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		service := &service{}
		slow(service)
		client := newClient(t, service, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Token(ctx)
		assert.Equal(t, context.DeadlineExceeded, err, "the caller's own deadline is its error")
		time.Sleep(8 * time.Second)
	})
}
