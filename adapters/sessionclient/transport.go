package sessionclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/failure"
)

const (
	// bearer is the scheme of a session (RFC 6750 §2.1).
	bearer = "Bearer "
	// maxSends is how often a request is sent at most: once, and once more for each of the two
	// codes.
	maxSends = 3
	// maxDrain and maxDrainTime are how much of the body of a 401 is read, and for how long, so
	// that its connection can be used again.
	maxDrain, maxDrainTime = 64 << 10, time.Second
)

// RoundTripper returns an http.RoundTripper that sends requests through base, and those to the
// origins of Config.Application with the session. If base is nil, it is http.DefaultTransport. A
// request that has an Authorization header passes as it is.
//
// After a 401 with the code expired_token or invalid_token, a request without a body, or with
// GetBody, is sent again with a new session. Its errors are those of base, an *Error, or that of
// the request's context.
func (c *Client) RoundTripper(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{c, base}
}

type transport struct {
	client *Client
	base   http.RoundTripper
}

// Format implements fmt.Formatter, as that of Client.
func (t *transport) Format(state fmt.State, verb rune) { t.client.Format(state, verb) }

// CloseIdleConnections closes those of the base, for http.Client.CloseIdleConnections.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c, ctx := t.client, r.Context()
	if r.URL == nil || !c.origins[originOf(r.URL)] || len(r.Header[envelope.HeaderAuthorization]) > 0 {
		return t.base.RoundTrip(r)
	}
	empty := r.Body == nil || r.Body == http.NoBody
	once := !empty && r.GetBody == nil
	began, body := c.clock.now(), r.Body
	var obeyed obeyed
	for sends := 1; ; sends++ {
		token, err := c.session(ctx, began, once)
		if err != nil {
			if body != nil {
				_ = body.Close()
			}
			return nil, err
		}
		sent := c.clock.now()
		response, err := t.base.RoundTrip(attach(r, body, token))
		began += c.clock.now() - sent // the application's time is no wait for a session
		if err != nil {
			return nil, err
		}
		response.Request = r // not the one with the session, which logs must not get
		if response.StatusCode != http.StatusUnauthorized || sends == maxSends ||
			!c.refused(ctx, token, codeOf(response.Header), &obeyed) || once {
			return response, nil
		}
		if !empty {
			if body, err = r.GetBody(); err != nil {
				return response, nil //nolint:nilerr // it cannot be sent again
			}
		}
		drain(response.Body)
	}
}

// drain reads a body within bounds, and closes it. The rest of a body that has no end is left.
func drain(body io.ReadCloser) {
	late := time.AfterFunc(maxDrainTime, func() { _ = body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
}

// attach returns a copy of r with a body and a session.
func attach(r *http.Request, body io.ReadCloser, token string) *http.Request {
	with := r.Clone(r.Context())
	with.Body = body
	if with.Header == nil {
		with.Header = http.Header{}
	}
	with.Header.Set(envelope.HeaderAuthorization, bearer+token)
	return with
}

// obeyed are the codes that one request has obeyed.
type obeyed struct{ expired, invalid bool }

// refused notes that the application refused a token with a code, and reports whether the request
// may be sent again.
func (c *Client) refused(ctx context.Context, token, code string, obeyed *obeyed) bool {
	expired := code == failure.ExpiredToken.Code()
	if !expired && code != failure.InvalidToken.Code() || c.lock(ctx) != nil {
		return false
	}
	defer c.unlock()
	c.load(ctx)
	now := c.clock.now()
	switch {
	case c.held.token != token:
		return true // another caller has replaced it already, or is about to
	case expired && !obeyed.expired:
		early := c.aged && now < c.rhythm.renewAt // or the clock stood still in a sleep
		if !c.expired && early && !c.rhythm.early.allows(now) {
			return false
		}
		obeyed.expired, c.expired = true, true
		return true
	case !expired && !obeyed.invalid && c.rhythm.invalid.allows(now):
		obeyed.invalid = true
		c.replace(held{installID: c.held.installID})
		_ = c.save(ctx, c.held.format()) // an error leaves it unsaved
		return true
	}
	return false
}

// parameter matches a parameter of a challenge (RFC 9110 §11.2). What stands in a quoted string is
// no parameter.
var parameter = regexp.MustCompile(`([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)`)

// codeOf returns the error code of a 401. The challenge stands in for a code that a proxy dropped.
func codeOf(header http.Header) string {
	if code := firstOf(header, envelope.HeaderErrorCode); code != "" {
		return code
	}
	has := map[string]bool{}
	challenges := strings.Join(header.Values(envelope.HeaderChallenge), ", ")
	for _, match := range parameter.FindAllStringSubmatch(challenges, -1) {
		has[strings.ToLower(match[1])+"="+strings.Trim(match[2], `"`)] = true
	}
	switch {
	case !has["error=invalid_token"]:
		return ""
	case has["error_description=expired"]:
		return failure.ExpiredToken.Code()
	default:
		return failure.InvalidToken.Code()
	}
}
