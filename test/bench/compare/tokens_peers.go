package main

import (
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/test/bench/rig"
)

// peer is a JOSE library. It signs and verifies JWS with HS256, for it has no compact form, with
// the same claims, and with its strict options on. What can be made once, such as a key or a
// parser, is.
type peer struct {
	name string
	make func() (sign func(claims) (string, error), verify func(string) (claims, error), err error)
}

var peers = []peer{{"golang-jwt v5", golangJWT}, {"go-jose v4", goJose}, {"jwx v3", jwx}}

// claims are the claims as peers read and write them.
type claims struct {
	V         int64  `json:"v"`
	Kid       string `json:"kid"`
	Iat       int64  `json:"iat"`
	Nbf       int64  `json:"nbf"`
	Iss       string `json:"iss"`
	Aud       string `json:"aud"`
	InstallID string `json:"install_id"`
	Exp       int64  `json:"exp"`
}

// peerClaims are the claims that all contestants sign.
var peerClaims = claims{V: session.Version, Kid: kid, Iat: noon.Unix(), Nbf: noon.Unix(), Iss: issuer,
	Aud: audience, InstallID: installID, Exp: noon.Add(settings.Lifetime).Unix()}

// contestants returns the contestants of the peer, which verifies what it signed and reads the
// claims.
func (p peer) contestants() (signer, verifier rig.Contestant, err error) {
	sign, verify, err := p.make()
	if err != nil {
		return signer, verifier, err
	}
	text, err := sign(peerClaims)
	if err != nil {
		return signer, verifier, err
	}
	if read, err := verify(text); err != nil || read != peerClaims {
		return signer, verifier, errors.Join(errors.New("its token is not verified"), err)
	}
	signer = rig.Contestant{Name: p.name, Run: func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sign(peerClaims); err != nil {
				b.Fatal(err)
			}
		}
	}}
	verifier = rig.Contestant{Name: p.name, Run: func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := verify(text); err != nil {
				b.Fatal(err)
			}
		}
	}}
	return signer, verifier, nil
}

// GetExpirationTime and the methods below implement jwt.Claims.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.Exp), nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return date(c.Iat), nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return date(c.Nbf), nil }
func (c *claims) GetIssuer() (string, error)                   { return c.Iss, nil }
func (c *claims) GetSubject() (string, error)                  { return "", nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Aud}, nil }

func date(seconds int64) *jwt.NumericDate { return jwt.NewNumericDate(time.Unix(seconds, 0)) }

func golangJWT() (func(claims) (string, error), func(string) (claims, error), error) {
	key := []byte(secret)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer),
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(),
		jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return noon }))
	find := func(token *jwt.Token) (any, error) {
		if token.Header["kid"] != kid {
			return nil, errors.New("unknown key")
		}
		return key, nil
	}
	sign := func(c claims) (string, error) {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, &c)
		token.Header["kid"] = kid
		return token.SignedString(key)
	}
	verify := func(text string) (c claims, err error) {
		_, err = parser.ParseWithClaims(text, &c, find)
		return c, err
	}
	return sign, verify, nil
}

func goJose() (func(claims) (string, error), func(string) (claims, error), error) {
	key := jose.JSONWebKey{Key: []byte(secret), KeyID: kid, Algorithm: "HS256"}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key.Key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		return nil, nil, err
	}
	sign := func(c claims) (string, error) { return josejwt.Signed(signer).Claims(c).Serialize() }
	algorithms := []jose.SignatureAlgorithm{jose.HS256}
	expected := josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}, Time: noon}
	verify := func(text string) (c claims, err error) {
		token, err := josejwt.ParseSigned(text, algorithms)
		if err != nil {
			return c, err
		}
		var registered josejwt.Claims
		if err := token.Claims(set, &registered, &c); err != nil {
			return c, err
		}
		return c, registered.ValidateWithLeeway(expected, 0)
	}
	return sign, verify, nil
}

func jwx() (func(claims) (string, error), func(string) (claims, error), error) {
	key, err := jwk.Import([]byte(secret))
	if err != nil {
		return nil, nil, err
	}
	set := jwk.NewSet()
	if err := errors.Join(key.Set(jwk.KeyIDKey, kid), key.Set(jwk.AlgorithmKey, jwa.HS256()),
		set.AddKey(key)); err != nil {
		return nil, nil, err
	}
	withKey := jwxjwt.WithKey(jwa.HS256(), key)
	sign := func(c claims) (string, error) {
		token, err := jwxjwt.NewBuilder().Issuer(c.Iss).Audience([]string{c.Aud}).
			IssuedAt(time.Unix(c.Iat, 0)).NotBefore(time.Unix(c.Nbf, 0)).
			Expiration(time.Unix(c.Exp, 0)).
			Claim("v", c.V).Claim("kid", c.Kid).Claim("install_id", c.InstallID).Build()
		if err != nil {
			return "", err
		}
		token.Options().Enable(jwxjwt.FlattenAudience)
		text, err := jwxjwt.Sign(token, withKey)
		return string(text), err
	}
	options := []jwxjwt.ParseOption{jwxjwt.WithKeySet(set), jwxjwt.WithIssuer(issuer),
		jwxjwt.WithAudience(audience), jwxjwt.WithRequiredClaim("exp"),
		jwxjwt.WithRequiredClaim("nbf"), jwxjwt.WithRequiredClaim("iat"),
		jwxjwt.WithStrictStringClaims(true),
		jwxjwt.WithClock(jwxjwt.ClockFunc(func() time.Time { return noon }))}
	verify := func(text string) (c claims, err error) {
		token, err := jwxjwt.ParseString(text, options...)
		if err != nil {
			return c, err
		}
		return jwxClaims(token)
	}
	return sign, verify, nil
}

// jwxClaims reads the claims of a token as users of jwx do.
func jwxClaims(token jwxjwt.Token) (c claims, err error) {
	var v float64
	if err := errors.Join(token.Get("v", &v), token.Get("kid", &c.Kid),
		token.Get("install_id", &c.InstallID)); err != nil {
		return c, err
	}
	c.V = int64(v)
	c.Iss, _ = token.Issuer()
	if all, _ := token.Audience(); len(all) == 1 {
		c.Aud = all[0]
	}
	issued, _ := token.IssuedAt()
	before, _ := token.NotBefore()
	expires, _ := token.Expiration()
	c.Iat, c.Nbf, c.Exp = issued.Unix(), before.Unix(), expires.Unix()
	return c, nil
}
