package sessionauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
)

// MaxClockSkew is the most that Config.ClockSkew may be.
const MaxClockSkew = time.Minute

// Keys are the keys that a Verifier verifies with: a *JWKS, or *Fixed.
type Keys interface {
	// ring is what is in force.
	ring() *keys.Keyring
	// after is what is in force once more was done to find a key that is not in ring: ring itself, where nothing came of it. It is whole unless the keys
	// that should be in it could not be had yet. It may wait, for patience at the longest and not beyond ctx.
	after(ctx context.Context, ring *keys.Keyring) (newer *keys.Keyring, whole bool)
}

// Config is what a Verifier needs. All but ClockSkew and Now must be given.
type Config struct {
	// Issuer and Audience must be those of the issuing service, byte for byte: OFFLOAD_SESSION_TOKEN_ISSUER and …_AUDIENCE there.
	Issuer   string
	Audience string
	// ClockSkew is how much earlier than the issuer's this machine's clock may be: whole seconds, at most MaxClockSkew. It never prolongs a session.
	// Zero means none, and is not the issuing service's own default: that is two seconds. Set 2 * time.Second unless the clocks are known to be one: a
	// session that was just made is refused by a machine whose clock is behind the issuer's by more.
	ClockSkew time.Duration
	Keys      Keys
	// Now is the clock; nil for the machine's.
	Now func() time.Time
}

// Verifier tells whose session a request carries. It is safe for concurrent use.
type Verifier struct {
	keys  Keys
	terms session.Settings
	now   func() time.Time
}

// What New fails with.
var (
	// ErrNames is a Config without an issuer or an audience: a token could never name them.
	ErrNames = errors.New("sessionauth: issuer and audience must be given")
	// ErrClockSkew is a ClockSkew that is negative, over MaxClockSkew, or not whole seconds.
	ErrClockSkew = errors.New("sessionauth: the clock skew must be whole seconds, at most a minute")
	// ErrNoKeys is a Config without keys, with a nil pointer for them, or with a JWKS or Fixed that NewJWKS or NewFixed did not make; and Fixed without one.
	ErrNoKeys = errors.New("sessionauth: there is no key")
)

// New makes a Verifier. It fails with ErrNames, ErrClockSkew or ErrNoKeys.
func New(config Config) (*Verifier, error) {
	switch {
	case config.Issuer == "" || config.Audience == "":
		return nil, ErrNames
	case config.ClockSkew < 0 || config.ClockSkew > MaxClockSkew ||
		config.ClockSkew%time.Second != 0:
		return nil, ErrClockSkew
	case isEmpty(config.Keys):
		return nil, ErrNoKeys
	}
	v := &Verifier{
		keys: config.Keys,
		terms: session.Settings{Issuer: config.Issuer, Audience: config.Audience,
			ClockSkew: config.ClockSkew},
		now: config.Now,
	}
	if v.now == nil {
		v.now = time.Now
	}
	return v, nil
}

// isEmpty is true of keys that their constructor did not make.
func isEmpty(k Keys) bool {
	switch k := k.(type) {
	case *Fixed:
		return k == nil || k.all == nil
	case *JWKS:
		return k == nil || k.now.Load() == nil
	}
	return k == nil
}

// Authenticate tells the session that the values of a request's Authorization headers stand for, for services that do not speak net/http. It fails with a
// *token.Rejection, which holds the reason for telemetry; or with an error of the kind failure.Unavailable where the token's key is unknown, may be a published
// one, and the published keys could not be had yet. It waits only for keys that it does not know and that may be published, which those of HS256 are not: a
// second at most and not beyond ctx.
func (v *Verifier) Authenticate(ctx context.Context, authorization []string) (session.Claims,
	error) {
	text, err := token.FromAuthorization(authorization)
	if err != nil {
		return session.Claims{}, err
	}
	now := v.now()
	ring := v.keys.ring()
	claims, err := token.Verify(text, ring, v.terms, now)
	if !isUnknownKey(err) || !maybePublished(text) {
		return claims, err
	}
	newer, whole := v.keys.after(ctx, ring)
	if newer != ring {
		claims, err = token.Verify(text, newer, v.terms, now)
	}
	if !whole && isUnknownKey(err) {
		return session.Claims{}, failure.New(failure.Unavailable, err)
	}
	return claims, err
}

// maybePublished tells whether the key of a token that passed checks 1 to 6 may be one that is published: what is published are EdDSA keys, which sign
// JWS alone, under ids that are ids. For any other token a reading would bring nothing, and its wait is one that anybody could cause.
func maybePublished(text string) bool {
	header, rest, _ := strings.Cut(text, ".")
	if !strings.Contains(rest, ".") {
		return false // the compact form
	}
	decoded, err := strict.DecodeBase64(header)
	if err != nil {
		return false
	}
	document, err := strict.Parse(string(decoded))
	if err != nil {
		return false
	}
	member, _ := document.Member("kid") // check 6: the payload's
	kid, _ := member.Text()
	_, ok := keys.ParseID(kid)
	return ok
}

func isUnknownKey(err error) bool {
	rejection, ok := errors.AsType[*token.Rejection](err)
	return ok && rejection.Reason == token.ReasonUnknownKey
}
