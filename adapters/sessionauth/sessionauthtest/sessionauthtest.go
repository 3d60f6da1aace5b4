// Package sessionauthtest helps to test services that use sessionauth. It provides an issuer with
// real keys, which publishes them and makes sessions.
//
// Nothing is mocked: each issuer has new random keys, serves its JWKS on a loopback address, and
// the service under test verifies as it does in production. Everything stops at the end of the
// test. The package imports domain, sessionauth and the standard library.
//
//	func TestOrders(t *testing.T) {
//		issuer := sessionauthtest.New(t)
//		handler := issuer.Verifier().Middleware(orders)
//		request := httptest.NewRequest(http.MethodGet, "/orders", nil)
//		request.Header.Set("Authorization", "Bearer "+issuer.Token("install-12345"))
//		…
//	}
//
// Bind gives a request a session that is bound to a Device. A service that makes its own Verifier
// gets URL, Name, Audience and PublicOrigin in its configuration.
package sessionauthtest

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// The issuer and audience of an Issuer's sessions: the defaults of the issuing service.
const (
	Name     = "offload-backend"
	Audience = "offload-ios"
)

// PublicOrigin is the origin of the service under test, which the proofs of devices name.
const PublicOrigin = "https://api.example.com"

// Lifetime is the lifetime of an Issuer's sessions.
const Lifetime = time.Hour

// Issuer issues sessions and publishes its keys, as the issuing service does with an EdDSA keyset.
// It is safe for concurrent use.
type Issuer struct {
	t      testing.TB
	server *httptest.Server

	mu    sync.Mutex
	all   []keys.Key
	reads int
}

// New starts an issuer with one key. It stops at the end of the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.Rotate()
	i.server = httptest.NewServer(http.HandlerFunc(i.publish))
	t.Cleanup(i.server.Close)
	return i
}

// URL returns the address of the published keys for sessionauth.JWKSConfig: http on a loopback
// address.
func (i *Issuer) URL() string { return i.server.URL + "/.well-known/jwks.json" }

// Reads returns how often the keys were read.
func (i *Issuer) Reads() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

func (i *Issuer) publish(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads++
	keyring, err := keys.NewKeyring(i.all...)
	if err != nil {
		panic(err) // not reached: the keys are random and their IDs are numbered
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = io.WriteString(w, keys.FormatPublic(keyring, time.Now()))
}

// Rotate adds a key, which is published at once and signs from now on. Earlier keys verify until
// the end of the test.
func (i *Issuer) Rotate() {
	seed := make([]byte, keys.SeedSize)
	_, _ = rand.Read(seed) // never fails
	i.mu.Lock()
	defer i.mu.Unlock()
	id := keys.ID("test-" + strconv.Itoa(len(i.all)+1))
	i.all = append(i.all, keys.NewEdDSA(id, seed, keys.Plan{}))
}

// Token returns a valid session of an installation, to be sent as a bearer token. The test fails if
// installID is not 8 to 128 characters long.
func (i *Issuer) Token(installID string) string {
	i.t.Helper()
	return i.Mint(installID, func(*sessionauth.Session) {})
}

// Expired returns a session that was valid and expired one second ago.
func (i *Issuer) Expired(installID string) string {
	i.t.Helper()
	return i.Mint(installID, func(s *sessionauth.Session) {
		const past = -(Lifetime + time.Second)
		s.IssuedAt, s.NotBefore, s.ExpiresAt = s.IssuedAt.Add(past), s.NotBefore.Add(past),
			s.ExpiresAt.Add(past)
	})
}

// ForAudience returns a session that is valid for another audience.
func (i *Issuer) ForAudience(audience, installID string) string {
	i.t.Helper()
	return i.Mint(installID, func(s *sessionauth.Session) { s.Audience = audience })
}

// Mint returns a session that starts now. It calls change to modify the session before it signs
// it; times are rounded down to the second. The test fails if the install ID is then not valid.
func (i *Issuer) Mint(installID string, change func(*sessionauth.Session)) string {
	i.t.Helper()
	i.mu.Lock()
	signer := i.all[len(i.all)-1]
	i.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Second)
	minted := sessionauth.Session{InstallID: installID, KeyID: string(signer.ID()), Issuer: Name,
		Audience: Audience, IssuedAt: now, NotBefore: now, ExpiresAt: now.Add(Lifetime),
		Binding: sessionauth.BoundToNone}
	change(&minted)
	id, broken := session.ParseInstallID(minted.InstallID)
	if broken != session.RuleNone {
		i.t.Fatalf("sessionauthtest: the install ID violates the rule %s", broken)
	}
	return token.Sign(session.Claims{
		Bound: minted.Binding == sessionauth.BoundToKey,
		KeyID: keys.ID(minted.KeyID), Issuer: minted.Issuer, Audience: minted.Audience,
		InstallID: id, IssuedAt: session.UnixOf(minted.IssuedAt),
		NotBefore: session.UnixOf(minted.NotBefore), ExpiresAt: session.UnixOf(minted.ExpiresAt),
	}, signer)
}

// Verifier returns a verifier that reads the published keys, and accepts bound sessions too. It
// stops at the end of the test.
func (i *Issuer) Verifier() *sessionauth.Verifier {
	i.t.Helper()
	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: i.URL()})
	if err == nil {
		i.t.Cleanup(jwks.Close)
		err = jwks.Start(context.Background())
	}
	if err != nil {
		i.t.Fatal(err)
	}
	verifier, err := sessionauth.New(sessionauth.Config{Issuer: Name, Audience: Audience,
		Keys: jwks, Binding: sessionauth.BindingAccept, PublicOrigins: []string{PublicOrigin}})
	if err != nil {
		i.t.Fatal(err)
	}
	return verifier
}
