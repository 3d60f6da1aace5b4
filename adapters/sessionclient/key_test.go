package sessionclient_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/domain/keys"
)

// signer is a key whose public part and signatures a test says, as those of faulty hardware.
type signer struct {
	public    crypto.PublicKey
	signature []byte
	err       error
}

// Public implements crypto.Signer.
func (s signer) Public() crypto.PublicKey { return s.public }

// Sign implements crypto.Signer.
func (s signer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return s.signature, s.err
}

// key is a Key that can be made to fail.
type key struct {
	sessionclient.Key
	signs, forgets atomic.Pointer[error] // what fails
}

var errKey = errors.New("the key fails")

// Signer implements sessionclient.Key.
func (k *key) Signer(ctx context.Context) (crypto.Signer, error) {
	if err := k.signs.Load(); err != nil {
		return nil, *err
	}
	return k.Key.Signer(ctx)
}

// Forget implements sessionclient.Key.
func (k *key) Forget(ctx context.Context) error {
	if err := k.forgets.Load(); err != nil {
		return *err
	}
	return k.Key.Forget(ctx)
}

// newP256 returns a new key.
func newP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return made
}

// failureOf returns the code of an error of the package.
func failureOf(t *testing.T, err error) string {
	t.Helper()
	failure, ok := errors.AsType[*sessionclient.Error](err)
	require.True(t, ok, "%v", err)
	return failure.Code
}

func TestKeyOfTakesKeysThatTheServiceKnows(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		signer crypto.Signer
		want   error
	}{
		"P-256":               {newP256(t), nil},
		"Ed25519":             {ed, nil},
		"none":                {nil, sessionclient.ErrKey},
		"P-384":               {p384, sessionclient.ErrKey},
		"RSA":                 {other, sessionclient.ErrKey},
		"no public part":      {signer{}, sessionclient.ErrKey},
		"a nil public part":   {signer{public: (*ecdsa.PublicKey)(nil)}, sessionclient.ErrKey},
		"a short Ed25519 key": {signer{public: ed25519.PublicKey("short")}, sessionclient.ErrKey},
		"small order":         {signer{public: make(ed25519.PublicKey, 32)}, sessionclient.ErrKey},
	} {
		key, err := sessionclient.KeyOf(c.signer)
		assert.Equal(t, c.want, err, name)
		if err != nil {
			continue
		}
		require.NoError(t, key.Forget(t.Context()))
		kept, err := key.Signer(t.Context())
		require.NoError(t, err)
		assert.Equal(t, c.signer, kept, "%s: a sign-out leaves the key as it is", name)
	}
}

// TestAFaultyKeyIsATypedError has keys that can be read, but make no signature of their kind.
func TestAFaultyKeyIsATypedError(t *testing.T) {
	t.Parallel()
	public := newP256(t).Public()
	edPublic, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	encoded := func(r, s *big.Int) []byte {
		text, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		require.NoError(t, err)
		return text
	}
	one, huge := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256)
	for name, faulty := range map[string]signer{
		"fails":                {public: public, err: errKey},
		"no signature":         {public: public},
		"raw":                  {public: public, signature: make([]byte, 64)},
		"r too large":          {public: public, signature: encoded(huge, one)},
		"s too large":          {public: public, signature: encoded(one, huge)},
		"r zero":               {public: public, signature: encoded(new(big.Int), one)},
		"s negative":           {public: public, signature: encoded(one, big.NewInt(-1))},
		"more behind":          {public: public, signature: append(encoded(one, one), 0)},
		"Ed25519, fails":       {public: edPublic, err: errKey},
		"Ed25519, too short":   {public: edPublic, signature: make([]byte, 63)},
		"Ed25519, as in ASN.1": {public: edPublic, signature: encoded(one, one)},
	} {
		device, err := sessionclient.KeyOf(faulty)
		require.NoError(t, err, name)
		service := &service{}
		client := newClient(t, service, func(c *sessionclient.Config) { c.Key = device })
		_, err = client.Token(t.Context())
		assert.Equal(t, sessionclient.CodeKeyUnavailable, failureOf(t, err), name)
		assert.Equal(t, faulty.err != nil, errors.Is(err, errKey), "%s: %v", name, err)
		assert.Zero(t, service.seen(), name)
	}
}

func TestAKeyThatFailsForAWhileIsUsedAgain(t *testing.T) {
	t.Parallel()
	device := &key{Key: sessionclient.NewMemoryKey()}
	service := &service{}
	client := newClient(t, service, func(c *sessionclient.Config) { c.Key = device })
	first, err := client.Token(t.Context())
	require.NoError(t, err)
	device.signs.Store(&errKey)
	var sent []string
	request, body := newRequest(t, "text")
	_, err = client.RoundTripper(answers(&sent, reply(200, ""))).RoundTrip(request)
	assert.Equal(t, sessionclient.CodeKeyUnavailable, failureOf(t, err))
	assert.ErrorIs(t, err, errKey)
	assert.EqualValues(t, 1, body.closed.Load())
	assert.Empty(t, sent, "nothing is sent without a proof")
	device.signs.Store(nil)
	again, err := client.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, 1, service.seen())
}

// newRequest returns a request to the application with a body that cannot be sent again.
func newRequest(t *testing.T, text string) (*http.Request, *body) {
	t.Helper()
	body := newBody(text)
	request, err := http.NewRequest("POST", applicationURL+"/a", body)
	require.NoError(t, err)
	return request, body
}

// TestAKeyThatCannotBeForgottenIsNotUsed has a sign-out fail: the client must not go on as the
// installation that was to end.
func TestAKeyThatCannotBeForgottenIsNotUsed(t *testing.T) {
	t.Parallel()
	device := &key{Key: sessionclient.NewMemoryKey()}
	storage := sessionclient.NewMemoryStorage()
	service := &service{}
	client := newClient(t, service, func(c *sessionclient.Config) {
		c.Key, c.Storage = device, storage
	})
	id := func() string {
		text, err := storage.Load(t.Context())
		require.NoError(t, err)
		id, _ := sessionclient.Held(text)
		return id
	}
	_, err := client.Token(t.Context())
	require.NoError(t, err)
	before := id()
	assert.True(t, keys.IsThumbprint(before))
	device.forgets.Store(&errKey)
	assert.ErrorIs(t, client.SignOut(t.Context()), errKey)
	assert.Empty(t, id(), "the session is forgotten in any case")
	_, err = client.Token(t.Context())
	assert.Equal(t, sessionclient.CodeKeyUnavailable, failureOf(t, err))
	assert.Equal(t, 1, service.seen())
	device.forgets.Store(nil)
	_, err = client.Token(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, id())
	assert.NotEqual(t, before, id())
}

// TestASignOutWithAFixedKeyHoldsWhileTheStorageFails has the session of the same installation in a
// storage that does not forget it.
func TestASignOutWithAFixedKeyHoldsWhileTheStorageFails(t *testing.T) {
	t.Parallel()
	fixed, err := sessionclient.KeyOf(newP256(t))
	require.NoError(t, err)
	storage := &storage{Storage: sessionclient.NewMemoryStorage()}
	client := newClient(t, &service{}, func(c *sessionclient.Config) {
		c.Key, c.Storage = fixed, storage
	})
	first, err := client.Token(t.Context())
	require.NoError(t, err)
	storage.failing.Store(true)
	assert.ErrorIs(t, client.SignOut(t.Context()), errStorage)
	storage.failing.Store(false)
	second, err := client.Token(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
}

func TestAKeyIsMadeBeforeTheStorageFails(t *testing.T) {
	t.Parallel()
	storage := &storage{Storage: sessionclient.NewMemoryStorage()}
	storage.failing.Store(true)
	service := &service{}
	client := newClient(t, service, func(c *sessionclient.Config) {
		c.Key, c.Storage = sessionclient.NewMemoryKey(), storage
	})
	for range 3 {
		token, err := client.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "session.1", token)
	}
	require.Error(t, client.SignOut(t.Context()))
	token, err := client.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "session.2", token)
}

func TestKeysArePrintedWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	private := newP256(t)
	fixed, err := sessionclient.KeyOf(private)
	require.NoError(t, err)
	memory, file := sessionclient.NewMemoryKey(), sessionclient.NewFileKey(t.TempDir()+"/key.pem")
	for _, key := range []sessionclient.Key{fixed, memory, file} {
		_, err := key.Signer(t.Context())
		require.NoError(t, err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			assert.Equal(t, "device key", fmt.Sprintf(verb, key), verb)
			config := fmt.Sprintf(verb, sessionclient.Config{Key: key})
			assert.NotContains(t, config, "PRIVATE", verb)
		}
	}
}

func TestConfigWithAKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sessionclient.Config)
		want   error
	}{
		"alone": {func(*sessionclient.Config) {}, nil},
		"with an install ID": {func(c *sessionclient.Config) { c.InstallID = "install-12345" },
			sessionclient.ErrKeyInstallID},
		"a host that no proof can name": {func(c *sessionclient.Config) {
			c.Application = []string{"https://a$b.example"}
		}, sessionclient.ErrURL},
		"a service that no proof can name": {func(c *sessionclient.Config) {
			c.Sessions = "https://a$b.example"
		}, sessionclient.ErrURL},
		"not ASCII": {func(c *sessionclient.Config) {
			c.Sessions, c.Application = "https://bücher.example", []string{"https://bücher.example"}
		}, nil},
		"a zone": {func(c *sessionclient.Config) {
			c.Sessions = "https://[fe80::1%25eth0]:8443"
		}, nil},
		"punycode": {func(c *sessionclient.Config) {
			c.Application = []string{"https://xn--bcher-kva.example/"}
		}, nil},
	} {
		config := sessionclient.Config{Sessions: sessionsURL, Application: []string{applicationURL},
			AppVersion: "1.0", Platform: "test", Key: sessionclient.NewMemoryKey()}
		c.change(&config)
		_, err := sessionclient.New(config)
		assert.Equal(t, c.want, err, name)
	}
}
