package sessionclient

import (
	"context"
	"crypto"
	"net/http"
	"time"
)

// Clock is what a Client knows of time.
type Clock struct {
	Now    func() time.Duration
	Wall   func() time.Time
	Sleep  func(ctx context.Context, until time.Duration) error
	Jitter float64
}

func (c Clock) now() time.Duration { return c.Now() }

func (c Clock) wall() time.Time { return c.Wall() }

func (c Clock) sleep(ctx context.Context, until time.Duration) error { return c.Sleep(ctx, until) }

// limit leaves a slow machine time.
func (Clock) limit(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Minute)
}

func (c Clock) jitter() float64 { return c.Jitter }

// SetClock replaces the clock. It must be called before the first use.
func SetClock(c *Client, replacement Clock) { c.clock = replacement }

// ParseKey returns the key in the text of a FileKey.
func ParseKey(text string) (crypto.Signer, error) { return parseKey(text) }

// Prove returns a proof that a key makes.
func Prove(signer crypto.Signer, method, uri, token, nonce string, now time.Time) (string, error) {
	device, err := newDevice(signer)
	if err != nil {
		return "", err
	}
	return device.prove(method, uri, token, nonce, now)
}

// URIOf returns what a proof for a request names.
func URIOf(r *http.Request) string { return uriOf(r.URL, sentHost(r.URL, r.Host)) }

// SentHost returns the Host that a request is sent with.
func SentHost(r *http.Request) string { return sentHost(r.URL, r.Host) }

// Idle reports whether no exchange is on its way.
func Idle(c *Client) bool {
	if c.lock(context.Background()) != nil {
		return false
	}
	defer c.unlock()
	return c.flight == nil
}

// Held returns what a text of the storage holds.
func Held(text string) (installID, token string) {
	h := parse(text)
	return h.installID, h.token
}

// Text returns the text for the storage.
func Text(installID, token string) string {
	return held{installID: installID, token: token}.format()
}
