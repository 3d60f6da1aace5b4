package sessionclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// Client keeps one session. It is safe for concurrent use.
type Client struct {
	config   Config
	endpoint string
	origins  map[string]bool
	clock    clock

	// turn guards the fields below: a value in it is the lock. It is a channel so that waiting for
	// it ends with a context. It is held during an access to the storage, and never during an
	// exchange or any other wait.
	turn chan struct{}
	held held
	// text is the storage's text that corresponds to held, and unsaved whether it could not be
	// saved.
	text    string
	unsaved bool
	// lost counts the saves in sequence whose text could not be loaded again.
	lost int
	// version counts the changes of held that are not the result of an exchange of this client.
	version int
	// expired is whether the application refused the token as expired: it can only be renewed.
	expired bool
	// aged is whether the age of the token is known, so that it can be renewed in time.
	aged bool
	// used is when text was last loaded or saved, if storage was used at all.
	used   time.Duration
	isUsed bool
	flight *flight
	rhythm rhythm
	// device is the key of Config as it was used last, or nil.
	device *device
	// remembered is whether the Key failed to forget the key at a sign-out, and must try again.
	remembered bool

	time deviceTime
}

// Token returns a session to send, for protocols that RoundTripper does not speak. It obtains or
// renews one if necessary. The client does not learn whether the session is then refused, so one
// that was stored by an earlier run, and may have expired since, is renewed first. The error is an
// *Error, or that of ctx.
//
// If the client has a Key, the session is of no use alone: see Credentials.
func (c *Client) Token(ctx context.Context) (string, error) {
	session, err := c.session(ctx, c.clock.now(), true)
	return session.token, err
}

// SignOut forgets the session, in the storage too, and the install ID, unless it is that of Config.
// It has the Key forget the key, which the install ID depends on. The result of an exchange that is
// on its way is dropped. Requests that come later get a session of a new installation.
//
// The error is that of the storage or of the Key, which may then still hold the session or the key.
// The client has forgotten both even so, and tries again with each use to remove them; it makes no
// use of a key until the Key has forgotten it. If ctx is done before, nothing is forgotten.
func (c *Client) SignOut(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	if c.flight != nil {
		c.flight.abort()
		c.flight = nil
	}
	err := c.forgetKey(ctx)
	c.replace(held{installID: c.config.InstallID})
	if unsaved := c.save(ctx, ""); unsaved != nil {
		return errors.Join(unsaved, err)
	}
	return err
}

// Format implements fmt.Formatter. It prints no field, because the session and the install ID are
// secret.
func (c *Client) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "session client") }

// lock begins the use of the fields that turn guards.
func (c *Client) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) unlock() { <-c.turn }

// load brings held up to date with the key and the storage, which other clients may have changed.
// While the storage fails, held remains as it is. The error is an *Error of the key.
func (c *Client) load(ctx context.Context) error {
	if err := c.loadKey(ctx); err != nil {
		return err
	}
	own := c.config.InstallID
	if c.device != nil {
		own = c.device.installID
	}
	if own != "" && c.held.installID != own { // the first key, or another one
		// What a sign-out here could not save must be saved still; what is another key's need not.
		c.unsaved = c.unsaved && c.held.installID == ""
		c.replace(held{installID: own})
	}
	if c.unsaved {
		_ = c.save(ctx, c.text) // an error leaves it unsaved
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	text, err := c.config.Storage.Load(ctx)
	if err != nil {
		return nil // the client goes on in memory
	}
	before, known := c.use()
	if text == c.text {
		return nil
	}
	found := parse(text)
	switch {
	case own != "" && found.installID != own:
		found = held{installID: own} // the session is another installation's
	case own == "" && keys.IsThumbprint(found.installID):
		found = held{} // it is bound to a key that the app no longer uses
	}
	if c.text = text; found == c.held {
		return nil
	}
	other := found.token != c.held.token
	if c.replace(found); other && known && found.refreshAfter > 0 {
		c.aged = true // it is younger than the last look at the storage
		c.rhythm.renewAt = before + time.Duration(found.refreshAfter)*time.Second
	}
	return nil
}

// use notes that the storage was loaded or saved, and returns when that last happened.
func (c *Client) use() (before time.Duration, known bool) {
	before, known = c.used, c.isUsed
	c.used, c.isUsed = c.clock.now(), true
	return before, known
}

// replace sets held to what another client, or the app, decided.
func (c *Client) replace(found held) {
	c.version++
	if found.token != c.held.token {
		c.expired, c.aged = false, false
		c.rhythm.renewAt, c.rhythm.failures = 0, 0
	}
	c.held = found
}

// save saves a text that corresponds to held.
func (c *Client) save(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	err := c.config.Storage.Save(ctx, text)
	if err == nil && !c.kept(ctx, text) {
		err = errLost
	}
	if c.text, c.unsaved = text, err != nil; !c.unsaved {
		c.use()
	}
	return err
}

// kept reports whether the storage keeps what was just saved. Another client may have replaced it
// already, so only several saves without it are a storage that loses what it is given: it must not
// cause a session for each request.
func (c *Client) kept(ctx context.Context, text string) bool {
	loaded, err := c.config.Storage.Load(ctx)
	if err == nil && parse(loaded) != parse(text) {
		c.lost++
	} else {
		c.lost = 0
	}
	return c.lost < maxLost
}

// errLate ends the waits of a call.
var errLate = errors.New("sessionclient: a call has waited for MaxWait")

// session returns a session to send, for a call that began at an instant. If the request cannot be
// sent again (once), a session of unknown age is renewed first.
func (c *Client) session(ctx context.Context, began time.Duration, once bool) (pass, error) {
	// One second more, so that a wait that just fits is not cut off.
	left := max(began+c.config.MaxWait-c.clock.now(), 0) + time.Second
	limited, cancel := c.clock.limit(ctx, left)
	defer cancel()
	got, err := c.await(limited, began, once)
	if err != nil && errors.Is(context.Cause(limited), errLate) {
		return pass{}, &Error{Code: CodeTimeout}
	}
	return got, err
}

// await returns the session of a call whose waits end with ctx.
func (c *Client) await(ctx context.Context, began time.Duration, once bool) (pass, error) {
	var last *flight
	for {
		if err := c.lock(ctx); err != nil {
			return pass{}, err
		}
		var next step
		unusable := c.load(ctx)
		if next.err = ctx.Err(); next.err == nil {
			next.err = unusable
		}
		if next.err == nil {
			next = c.decide(began, once && last == nil, last)
		}
		with := c.device
		c.unlock()
		switch {
		case next.err != nil:
			return pass{}, next.err
		case next.flight != nil:
			select {
			case <-next.flight.done:
			case <-ctx.Done():
				if next.optional && errors.Is(context.Cause(ctx), errLate) {
					return pass{next.token, with}, nil
				}
				return pass{}, ctx.Err()
			}
			last = next.flight
			if last.err != nil && !next.optional {
				return pass{}, last.err
			}
		case next.token != "":
			return pass{next.token, with}, nil
		default:
			if err := c.clock.sleep(ctx, next.until); err != nil {
				return pass{}, err
			}
		}
	}
}

// step is what a call does next: wait for a flight, use a token, fail, or sleep until an instant.
type step struct {
	flight *flight
	// optional is whether the call goes on with the token if the flight fails.
	optional bool
	token    string
	err      error
	until    time.Duration
}

// decide returns the next step of a call that began at an instant. last is the flight that it
// waited for before, or nil.
func (c *Client) decide(began time.Duration, once bool, last *flight) step {
	now := c.clock.now()
	if c.held.token != "" && !c.expired {
		due := now >= c.rhythm.renewAt && now >= c.rhythm.notBefore
		switch {
		case once && !c.aged && (due || c.flight != nil):
			return step{flight: c.fly(), optional: true, token: c.held.token}
		case c.aged && due && last == nil: // not at once after another flight
			c.fly()
		}
		return step{token: c.held.token}
	}
	if c.flight == nil && now < c.rhythm.notBefore {
		if c.rhythm.notBefore-began > c.config.MaxWait {
			return step{err: c.rhythm.refused(now, last)}
		}
		return step{until: c.rhythm.notBefore}
	}
	return step{flight: c.fly()}
}
