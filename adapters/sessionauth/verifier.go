package sessionauth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// MaxClockSkew is the most that Config.ClockSkew may be.
const MaxClockSkew = time.Minute

// Keys holds the keys that a Verifier verifies with. It is a *JWKS or a *Fixed.
type Keys interface {
	// keyring returns the keys in force.
	keyring() *keys.Keyring
	// stale reports whether current is older than its source promised, or not in force any more.
	stale(current *keys.Keyring) bool
	// refreshed returns the keys in force after an attempt to replace current, which is stale or
	// lacks a key. It returns current itself if the attempt brought nothing new. Complete is false
	// if keys that belong to the keyring could not be read yet. It may wait, for maxRequestWait at
	// most and not beyond ctx.
	refreshed(ctx context.Context, current *keys.Keyring) (newer *keys.Keyring, complete bool)
}

// Config configures a Verifier. Issuer, Keys, and either Audience or Audiences are required.
type Config struct {
	// Issuer and Audience must equal those of the issuing service byte for byte:
	// OFFLOAD_SESSION_TOKEN_ISSUER and OFFLOAD_SESSION_TOKEN_AUDIENCE there.
	Issuer   string
	Audience string
	// Audiences, in place of Audience, accepts sessions of several audiences: for a service that
	// apps of different names share. Session.Audience is the one that a session names.
	Audiences []string
	// ClockSkew is how far this machine's clock may be behind the issuer's: whole seconds, at most
	// MaxClockSkew. It never prolongs a session. Zero means none, and differs from the issuing
	// service's default of two seconds. Set 2 * time.Second unless both services share one clock: a
	// machine whose clock is further behind the issuer's refuses a session that was just issued.
	ClockSkew time.Duration
	Keys      Keys
	// Binding says whether sessions that are bound to a device key are accepted, which only the
	// device can use: each request brings a proof (DPoP, RFC 9449). If it is not BindingOff,
	// PublicOrigins is required.
	Binding Binding
	// PublicOrigins are the origins under which clients reach this service, such as
	// https://api.example.com: the scheme, the host, and the port if it is not the default. They
	// are those of the address that a client uses, no matter what proxies make of it.
	PublicOrigins []string
	// BoundAudiences are the audiences of bound sessions: OFFLOAD_SESSION_BOUND_AUDIENCE of the
	// issuing service. The default is each audience followed by ":bound".
	BoundAudiences []string
	// Nonces let a client whose clock is wrong make a proof in a second attempt. By default they
	// are random for each Verifier: a service with several replicas needs Nonces of a secret that
	// they share, or one replica does not accept what another one gave.
	Nonces Nonces
	// Now returns the current time. If it is nil, time.Now is used.
	Now func() time.Time
}

// Verifier verifies the session that a request carries. It is safe for concurrent use.
type Verifier struct {
	keys     Keys
	settings session.Settings
	origins  []proof.Origin
	nonces   proof.Nonces
	now      func() time.Time
}

// The errors of New.
var (
	// ErrNames reports a Config without an issuer or an audience, or with an empty one, which no
	// token could name; and one with both Audience and Audiences.
	ErrNames = errors.New("sessionauth: the issuer, and either Audience or Audiences, must be set " +
		"and not be empty")
	// ErrClockSkew reports a ClockSkew that is negative, over MaxClockSkew, or not whole seconds.
	ErrClockSkew = errors.New("sessionauth: the clock skew must be 0 to 60 whole seconds")
	// ErrNoKeys reports a Config whose Keys is nil, a nil pointer, or a JWKS or Fixed that NewJWKS
	// or NewFixed did not make. NewFixed returns it if no key is given.
	ErrNoKeys = errors.New("sessionauth: no keys are set")
)

// New returns a Verifier. Its error is ErrNames, ErrClockSkew, ErrNoKeys, ErrBinding,
// ErrPublicOrigins or ErrBoundAudiences.
func New(config Config) (*Verifier, error) {
	audiences := config.Audiences
	if len(audiences) == 0 {
		audiences = []string{config.Audience}
	} else if config.Audience != "" {
		return nil, ErrNames
	}
	switch {
	case config.Issuer == "" || slices.Contains(audiences, ""):
		return nil, ErrNames
	case config.ClockSkew < 0 || config.ClockSkew > MaxClockSkew ||
		config.ClockSkew%time.Second != 0:
		return nil, ErrClockSkew
	case isEmpty(config.Keys):
		return nil, ErrNoKeys
	}
	v := &Verifier{
		keys: config.Keys,
		settings: session.Settings{Issuer: config.Issuer, Audience: audiences[0],
			OtherAudiences: slices.Clone(audiences[1:]), ClockSkew: config.ClockSkew},
		now: config.Now,
	}
	if v.now == nil {
		v.now = time.Now
	}
	if err := v.binding(config); err != nil {
		return nil, err
	}
	return v, nil
}

// isEmpty reports whether k was not made by its constructor.
func isEmpty(k Keys) bool {
	switch k := k.(type) {
	case *Fixed:
		return k == nil || k.all == nil
	case *JWKS:
		return k == nil || k.current.Load() == nil
	}
	return k == nil
}

// Authenticate verifies the session in credentials and returns it. It is for services that do not
// use net/http. The error is a *token.Rejection or a *proof.Rejection, which hold a reason for
// telemetry, or an error of the kind failure.Unavailable if the token's key is unknown, may be a
// published one, and the published keys could not be read yet. If a client's clock may be wrong,
// the *proof.Rejection is in a *proof.Challenge, with the nonce that the answer has as DPoP-Nonce.
// Authenticate waits only if the token's key may be a published one, which HS256 keys are not, and
// is unknown, or the published keys are older than the issuer promised: one second at most, and not
// beyond ctx.
func (v *Verifier) Authenticate(ctx context.Context, credentials Credentials) (Session, error) {
	presented, err := token.FromAuthorization(credentials.Authorization, v.settings.Binding)
	if err != nil {
		return Session{}, err
	}
	now := v.now()
	claims, err := v.read(ctx, presented.Text, now)
	if err != nil {
		return Session{}, err
	}
	possession := proof.Presented{Proofs: credentials.Proofs, Target: v.target(credentials),
		Token: presented.Text, Bearer: presented.Scheme == token.SchemeBearer, Nonces: v.nonces,
		Now: now}
	if err := possession.Use(claims); err != nil {
		return Session{}, v.nonces.Challenge(err, now)
	}
	return sessionOf(claims), nil
}

// read makes the checks of the token but the last, under keys that are fresh enough.
func (v *Verifier) read(ctx context.Context, text string, now time.Time) (session.Claims, error) {
	current := v.keys.keyring()
	claims, err := token.Read(text, current, v.settings, now)
	if !isUnknownKey(err) && !v.keys.stale(current) || !maybePublished(text) {
		return claims, err
	}
	newer, complete := v.keys.refreshed(ctx, current)
	if newer != current {
		claims, err = token.Read(text, newer, v.settings, now)
	}
	if !complete && isUnknownKey(err) {
		return session.Claims{}, failure.New(failure.Unavailable, err)
	}
	return claims, err
}

// maybePublished reports whether the key of a token may be a published one. A JWS names such a key.
// The compact form names no algorithm: its keys are secrets, which are never published. For any
// other token a read would bring nothing, and would let any sender cause a wait.
func maybePublished(text string) bool {
	_, algorithm, err := token.KeyOf(text)
	return err == nil && algorithm != ""
}

func isUnknownKey(err error) bool {
	rejection, ok := errors.AsType[*token.Rejection](err)
	return ok && rejection.Reason == token.ReasonUnknownKey
}
