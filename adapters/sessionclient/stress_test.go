package sessionclient_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/domain/proof"
)

// TestAnyOrderOfEvents has clients with one storage send requests, cancel them and sign out at
// random, while the service and the application refuse at random. There is never more than one
// exchange, every call ends, and what is sent is always a session that was issued; with a key, it
// is one of the key that makes the proof.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { anyOrder(t, seed, nil) })
		synctest.Test(t, func(t *testing.T) { anyOrder(t, seed, sessionclient.NewMemoryKey()) })
	}
}

func anyOrder(t *testing.T, seed uint64, key sessionclient.Key) {
	random := &source{random: rand.New(rand.NewPCG(seed, 0))}
	service := &service{}
	service.answer = func(*http.Request) (*http.Response, error) {
		time.Sleep(time.Duration(random.of(2000)) * time.Millisecond)
		switch random.of(8) {
		case 0:
			return reply(429, "", "Retry-After", "3"), nil
		case 1:
			return reply(503, ""), nil
		case 2:
			return nil, errors.New("connection reset")
		case 3:
			return reply(200, "<html>"), nil
		case 4:
			return askForNonce(), nil
		}
		return nil, nil
	}
	application := roundTripper(func(r *http.Request) (*http.Response, error) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		service.mu.Lock()
		id, issued := service.issued[token]
		service.mu.Unlock()
		assert.True(t, issued, "seed %d: %q was never issued", seed, token)
		if key != nil {
			sent, err := proof.Parse(r.Header.Values("DPoP"))
			assert.NoError(t, err)
			assert.Equal(t, id, sent.Key().Text(), "seed %d: the session of another key", seed)
		}
		switch random.of(8) {
		case 0:
			return reply(401, "", "X-Error-Code", "expired_token"), nil
		case 1:
			return reply(401, "", "X-Error-Code", "invalid_token"), nil
		case 2:
			return askForNonce(), nil
		}
		return reply(200, ""), nil
	})
	storage := sessionclient.NewMemoryStorage()
	var calls sync.WaitGroup
	for range 3 {
		client := newClient(t, service, func(c *sessionclient.Config) {
			c.Storage, c.Key = storage, key
		})
		transport := client.RoundTripper(application)
		for range 10 {
			calls.Go(func() {
				for range 20 {
					call(t, random, client, transport)
				}
			})
		}
	}
	calls.Wait()
	time.Sleep(time.Minute) // renewals end
	service.mu.Lock()
	defer service.mu.Unlock()
	assert.Equal(t, 1, service.maxActive, "seed %d", seed)
	assert.Greater(t, len(service.issued), 1, "seed %d", seed)
}

func askForNonce() *http.Response {
	return reply(401, "", "X-Error-Code", "proof_nonce_required", "DPoP-Nonce", "n")
}

// call makes one call, and checks that it ends with a response, a typed error, or the context's.
func call(t *testing.T, random *source, client *sessionclient.Client,
	transport http.RoundTripper) {
	time.Sleep(time.Duration(random.of(20_000)) * time.Millisecond)
	if random.of(30) == 0 {
		assert.NoError(t, client.SignOut(t.Context()))
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.of(30))*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, applicationURL, nil)
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
		return
	}
	failure, ok := errors.AsType[*sessionclient.Error](err)
	if !ok {
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		return
	}
	assert.Contains(t, []string{sessionclient.CodeUnreachable,
		sessionclient.CodeUnexpectedResponse, "proof_nonce_required"}, failure.Code)
}

// source is a source of random numbers that goroutines may share.
type source struct {
	mu     sync.Mutex
	random *rand.Rand
}

// of returns a number in [0, n).
func (s *source) of(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// TestStoredTextIsReadAsItWasWritten checks that any installation and session survive the storage.
func TestStoredTextIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[ -~é漢]{7,127}[!-~]`).Draw(t, "install ID")
		token := rapid.StringMatching(`[A-Za-z0-9._-]{0,500}`).Draw(t, "token")
		gotID, gotToken := sessionclient.Held(sessionclient.Text(id, token))
		if gotID != id || gotToken != token {
			t.Fatalf("%q, %q became %q, %q", id, token, gotID, gotToken)
		}
	})
}
