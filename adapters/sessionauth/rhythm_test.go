package sessionauth_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
)

// freezer is an http.RoundTripper in a process that is frozen and thawed. A read takes 160 ms in
// which the process runs; one that a freeze cuts fails when the process runs again.
type freezer struct {
	issuer *issuer
	mu     sync.Mutex
	thawed chan struct{} // closed while the process runs
	frozen chan struct{} // closed while it does not
}

func (f *freezer) gates() (thawed, frozen chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.thawed, f.frozen
}

func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.frozen)
	f.thawed = make(chan struct{})
}

func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.thawed)
	f.frozen = make(chan struct{})
}

// RoundTrip implements http.RoundTripper.
func (f *freezer) RoundTrip(r *http.Request) (*http.Response, error) {
	thawed, _ := f.gates()
	<-thawed
	_, frozen := f.gates()
	select {
	case <-time.After(160 * time.Millisecond):
		return f.issuer.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-frozen:
		thawed, _ = f.gates()
		<-thawed
		return nil, errors.New("connection reset by peer")
	}
}

// TestRevocationReachesEveryRhythm freezes the process after each request, in rhythms that are
// shorter and longer than the timeouts and pauses of reads. In the shorter ones, the freezes look
// like an issuer that is out, which may cost some seconds beyond the five minutes.
func TestRevocationReachesEveryRhythm(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second,
		4 * time.Second, 5 * time.Second, 7 * time.Second, 9 * time.Second, 10 * time.Second,
		11 * time.Second, 15 * time.Second, time.Minute, 4 * time.Minute, 10 * time.Minute} {
		t.Run(every.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				leaked, next := pair("leaked", 1), pair("next", 2)
				f := &freezer{issuer: &issuer{reply: publishes(t, leaked, next)},
					thawed: make(chan struct{}), frozen: make(chan struct{})}
				close(f.thawed)
				jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: jwksURL,
					Client: &http.Client{Transport: f}})
				require.NoError(t, err)
				require.NoError(t, jwks.Start(t.Context()))
				verifier := verifier(t, jwks)
				f.issuer.answer(publishes(t, next))
				began, reached := time.Now(), false
				for time.Since(began) < 6*time.Minute+every && !reached {
					f.freeze()
					time.Sleep(every)
					f.thaw()
					reached = send(verifier, "Bearer "+mint(t, leaked)).code() == "invalid_token"
				}
				assert.True(t, reached, "after %s", time.Since(began))
				jwks.Close()
			})
		})
	}
}
