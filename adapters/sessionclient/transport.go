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
	// maxSends is how often a request is sent at most: once, and once more for each of the codes
	// expired_token and invalid_token; and once more for proof_nonce_required, if there is a key.
	maxSends, maxProofSends = 3, 4
	// maxDrain and maxDrainTime are how much of the body of a 401 is read, and for how long, so
	// that its connection can be used again.
	maxDrain, maxDrainTime = 64 << 10, time.Second
	// maxChallenge is how many bytes of challenges are searched for a code.
	maxChallenge = 2048
)

// RoundTripper returns an http.RoundTripper that sends requests through base, and those to the
// origins of Config.Application with the session. If base is nil, it is http.DefaultTransport. A
// request that has an Authorization header passes as it is.
//
// After a 401 with the code expired_token or invalid_token, a request without a body, or with
// GetBody, is sent again with a new session; after proof_nonce_required, with another proof. Its
// errors are those of base, an *Error, or that of the request's context.
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
	if r.URL == nil || !c.origins[originOf(r.URL)] || hasCredentials(r.Header) {
		return t.base.RoundTrip(r)
	}
	empty := r.Body == nil || r.Body == http.NoBody
	once := !empty && r.GetBody == nil
	began, body := c.clock.now(), r.Body
	var obeyed obeyed
	most, nonce := maxSends, ""
	if c.config.Key != nil {
		most = maxProofSends
	}
	for sends := 1; ; sends++ {
		session, err := c.session(ctx, began, once)
		var with *http.Request
		if err == nil {
			with, err = c.attach(r, body, session, nonce)
		}
		if err != nil {
			if body != nil {
				_ = body.Close()
			}
			return nil, err
		}
		sent := c.clock.now()
		response, err := t.base.RoundTrip(with)
		began += c.clock.now() - sent // the application's time is no wait for a session
		if err != nil {
			return nil, err
		}
		response.Request = r // not the one with the session, which logs must not get
		if response.StatusCode != http.StatusUnauthorized || sends == most {
			return response, nil
		}
		var again bool
		if again, nonce = c.refused(ctx, session, response, &obeyed); !again || once {
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

// hasCredentials reports whether a header has an Authorization of the app, in whatever case:
// net/http sends a name that was not set by Set as it is.
func hasCredentials(header http.Header) bool {
	for name, values := range header {
		if len(values) > 0 && strings.EqualFold(name, envelope.HeaderAuthorization) {
			return true
		}
	}
	return false
}

// drain reads a body within bounds, and closes it. The rest of a body that has no end is left.
func drain(body io.ReadCloser) {
	late := time.AfterFunc(maxDrainTime, func() { _ = body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
}

// attach returns a copy of r with a body and a session. nonce is what its proof names, or empty.
func (c *Client) attach(r *http.Request, body io.ReadCloser, session pass,
	nonce string) (*http.Request, error) {
	with := r.Clone(r.Context())
	with.Body = body
	if with.Header == nil {
		with.Header = http.Header{}
	}
	with.Host = sentHost(r.URL, r.Host)
	return with, c.authorize(with.Header, session, r.Method, uriOf(r.URL, with.Host), nonce)
}

// obeyed are the codes that one request has obeyed.
type obeyed struct{ expired, invalid, nonce bool }

// refused notes that the application refused a session or its proof. It reports whether the request
// may be sent again, and the nonce that its proof must name then, or "".
func (c *Client) refused(ctx context.Context, session pass, response *http.Response,
	obeyed *obeyed) (again bool, nonce string) {
	code := codeOf(response.Header)
	if session.device == nil || code != failure.ProofNonceRequired.Code() {
		return c.refusedToken(ctx, session.token, code, obeyed), ""
	}
	nonce = c.challenge(response, code)
	again = nonce != "" && !obeyed.nonce
	obeyed.nonce = true
	return again, nonce
}

// refusedToken notes that the application refused a token with a code, and reports whether the
// request may be sent again.
func (c *Client) refusedToken(ctx context.Context, token, code string, obeyed *obeyed) bool {
	expired := code == failure.ExpiredToken.Code()
	if !expired && code != failure.InvalidToken.Code() || c.lock(ctx) != nil {
		return false
	}
	defer c.unlock()
	if c.load(ctx) != nil {
		return false // the session cannot be used again either
	}
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
	challenges = challenges[:min(len(challenges), maxChallenge)]
	for _, match := range parameter.FindAllStringSubmatch(challenges, -1) {
		has[strings.ToLower(match[1])+"="+strings.Trim(match[2], `"`)] = true
	}
	switch {
	case has["error=use_dpop_nonce"]:
		return failure.ProofNonceRequired.Code()
	case !has["error=invalid_token"]:
		return ""
	case has["error_description=expired"]:
		return failure.ExpiredToken.Code()
	default:
		return failure.InvalidToken.Code()
	}
}
