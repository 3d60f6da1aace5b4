package sessionclient

import (
	"context"
	"errors"
)

// flight is one attempt to obtain or renew the session. However many calls wait, there is at most
// one. It does not end with the call that began it.
type flight struct {
	abort context.CancelFunc
	// done is closed at the end. The fields below are set before.
	done chan struct{}
	// err is nil if the flight succeeded, was refused for a while, or was overtaken by a change of
	// the storage or a sign-out: what to do then depends on the state.
	err     error
	refusal *Error
}

// fly returns the flight that is on its way, or begins one. The caller holds the lock.
func (c *Client) fly() *flight {
	if c.flight == nil {
		ctx, abort := context.WithCancel(context.Background())
		c.flight = &flight{abort: abort, done: make(chan struct{})}
		go c.run(ctx, c.flight, c.held.token)
	}
	return c.flight
}

// run is the goroutine of a flight that begins with a token.
func (c *Client) run(ctx context.Context, f *flight, token string) {
	defer close(f.done)
	defer f.abort()
	// Without the lock, other clients may do the same at the same time, which costs a session, but
	// does no harm.
	waiting, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if unlock, err := c.config.Storage.Lock(waiting); err == nil && unlock != nil {
		defer unlock()
	}
	begun, ok := c.begin(ctx, f, token)
	if !ok {
		return
	}
	limited, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	answered, err := c.exchange(limited, begun)
	c.end(ctx, f, begun.version, answered, err)
}

// begun is what an exchange begins with.
type begun struct {
	held   held
	device *device
	// version is that of the client.
	version int
}

// begin returns what the exchange of a flight begins with. It returns false, and ends the flight,
// if there is nothing to exchange: another client with the same storage has replaced the token
// while the flight waited for the lock, or the app has signed out.
func (c *Client) begin(ctx context.Context, f *flight, token string) (begun, bool) {
	if c.lock(ctx) != nil {
		return begun{}, false // aborted by a sign-out
	}
	defer c.unlock()
	if err := c.load(ctx); err != nil {
		f.err = err
		c.land(f)
		return begun{}, false
	}
	if c.flight != f || c.held.token != token {
		c.land(f)
		return begun{}, false
	}
	if c.held.installID == "" {
		c.held.installID = newInstallID()
	}
	// The ID is saved first, so that an issuance that fails does not make a new one each time.
	if text := c.held.format(); text != c.text {
		_ = c.save(ctx, text) // an error leaves it unsaved
	}
	return begun{c.held, c.device, c.version}, true
}

// end notes the outcome of an exchange.
func (c *Client) end(ctx context.Context, f *flight, version int, answered answer, err error) {
	if c.lock(ctx) != nil {
		return // aborted by a sign-out
	}
	defer c.unlock()
	if c.flight != f {
		return
	}
	defer c.land(f)
	now := c.clock.now()
	refusal, isRefusal := asRefusal(err)
	switch {
	case isRefusal:
		f.refusal = refusal
		c.rhythm.refuse(now, refusal.RetryAfter, refusal, c.clock.jitter())
		return
	case err != nil:
		f.err = err
		c.rhythm.fail(now)
		return
	}
	// An error of the key changes nothing about the session; the next use finds it.
	if _ = c.load(ctx); c.version != version {
		return // the app has signed out meanwhile, or another client has replaced the session
	}
	c.held.token, c.held.refreshAfter = answered.token, answered.refreshAfter
	c.expired, c.aged = false, true
	c.rhythm.issued(answered.renewAt, answered.notBefore)
	_ = c.save(ctx, c.held.format()) // an error leaves it unsaved
}

// land removes a flight. The caller holds the lock.
func (c *Client) land(f *flight) {
	if c.flight == f {
		c.flight = nil
	}
}

// asRefusal returns the error of an answer that asks to try again later.
func asRefusal(err error) (*Error, bool) {
	refusal, ok := errors.AsType[*Error](err)
	return refusal, ok && retriable(refusal.Status)
}
