package keys_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

func TestParseID(t *testing.T) {
	const all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	for i := range 256 {
		text := string([]byte{byte(i)})
		id, ok := keys.ParseID(text)
		assert.Equal(t, strings.Contains(all, text), ok, "%q", text)
		if ok {
			assert.Equal(t, keys.ID(text), id)
		}
	}
	for text, want := range map[string]bool{
		"": false, "a": true, "2026-02_key.A": true, strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false,
		"a b":                   false, "a\n": false, "\x00": false, "caf\u00e9": false,
		"\u212a": false,
		"a/b":    false, "..": true, "\xff": false,
	} {
		id, ok := keys.ParseID(text)
		assert.Equal(t, want, ok, "%q", text)
		assert.Equal(t, ok, id != "", "%q", text)
	}
}

func TestSignatureSize(t *testing.T) {
	assert.Equal(t, 32, keys.HS256.SignatureSize())
	assert.Equal(t, 64, keys.EdDSA.SignatureSize())
	assert.Equal(t, 64, keys.ES256.SignatureSize())
	for _, other := range []keys.Algorithm{"", "none", "hs256", "HS512", "RS256", "eddsa",
		"Ed25519", "Ed448", "es256", "ES384", "ES512", "ES256K"} {
		assert.Zero(t, other.SignatureSize(), string(other))
	}
}

// TestSign runs the cases of RFC 4231 that use HMAC-SHA-256 without truncation.
func TestSign(t *testing.T) {
	for name, c := range map[string]struct{ key, message, signature string }{
		"4.2": {strings.Repeat("\x0b", 20), "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		"4.3": {"Jefe", "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		"4.4": {
			strings.Repeat("\xaa", 20), strings.Repeat("\xdd", 50),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
		},
		"4.7, a key longer than a block": {
			strings.Repeat("\xaa", 131), "Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		},
	} {
		t.Run(name, func(t *testing.T) {
			key := keys.NewHS256("kid", []byte(c.key), keys.Plan{})
			signature, err := hex.DecodeString(c.signature)
			require.NoError(t, err)
			assert.Equal(t, signature, key.Sign([]byte(c.message)))
			assert.True(t, key.Verify([]byte(c.message), signature))
			assert.False(t, key.Verify([]byte(c.message+"."), signature))
			assert.False(t, key.Verify(nil, signature))
			for _, wrong := range [][]byte{nil, {}, signature[:31],
				append(append([]byte{}, signature...), 0), make([]byte, 32)} {
				assert.False(t, key.Verify([]byte(c.message), wrong))
			}
			for i := range signature {
				wrong := append([]byte{}, signature...)
				wrong[i] ^= 1
				assert.False(t, key.Verify([]byte(c.message), wrong), "byte %d", i)
			}
			assert.False(t, keys.NewHS256("kid", []byte(c.key+"x"),
				keys.Plan{}).Verify([]byte(c.message), signature))
		})
	}
}

// TestSignEdDSA runs the cases of RFC 8032 §7.1.
func TestSignEdDSA(t *testing.T) {
	for name, c := range map[string]struct{ seed, public, message, signature string }{
		"test 1": {
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		"test 2": {
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		"test 3": {
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			key := keys.NewEdDSA("kid", unhex(t, c.seed), keys.Plan{})
			message, signature := unhex(t, c.message), unhex(t, c.signature)
			assert.Equal(t, keys.EdDSA, key.Algorithm())
			assert.Equal(t, unhex(t, c.public), key.Public())
			assert.Equal(t, unhex(t, c.seed), key.Secret())
			assert.Equal(t, signature, key.Sign(message))
			assert.True(t, key.Verify(message, signature))
			assert.False(t, key.Verify(append(message, '.'), signature))
			for _, wrong := range [][]byte{nil, {}, signature[:63],
				append(append([]byte{}, signature...), 0), make([]byte, 64), make([]byte, 32)} {
				assert.False(t, key.Verify(message, wrong))
			}
			for i := range signature {
				wrong := append([]byte{}, signature...)
				wrong[i] ^= 1
				assert.False(t, key.Verify(message, wrong), "byte %d", i)
			}
			assert.False(t, keys.NewEdDSA("kid", unhex(t, c.public), keys.Plan{}).Verify(message,
				signature))
			assert.False(t, keys.NewHS256("kid", unhex(t, c.public), keys.Plan{}).Verify(message,
				signature))
		})
	}
	for _, size := range []int{0, 31, 33, 64} {
		assert.Panics(t, func() { keys.NewEdDSA("kid", make([]byte, size), keys.Plan{}) },
			"%d bytes", size)
	}
	assert.Nil(t, keys.NewHS256("kid", []byte("secret"), keys.Plan{}).Public())
}

func TestKeyIsIndependentOfCallersBytes(t *testing.T) {
	plan := keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(1), Revoked: true}
	for algorithm, newKey := range map[keys.Algorithm]func(keys.ID, []byte, keys.Plan) keys.Key{
		keys.HS256: keys.NewHS256, keys.EdDSA: keys.NewEdDSA, keys.ES256: keys.NewES256} {
		secret := []byte("a secret of the caller's, 32 long")[:32]
		key := newKey("kid", secret, plan)
		signed := key.Sign([]byte("message"))
		clear(secret)
		clear(key.Secret())
		clear(key.Public())
		assert.Equal(t, "a secret of the caller's, 32 long"[:32], string(key.Secret()))
		assert.Equal(t, signed, key.Sign([]byte("message")))
		assert.True(t, key.Verify([]byte("message"), signed))
		assert.Equal(t, keys.ID("kid"), key.ID())
		assert.Equal(t, algorithm, key.Algorithm())
		assert.Equal(t, plan, key.Plan())
		assert.Equal(t, keys.Plan{}, key.WithPlan(keys.Plan{}).Plan())
		assert.Equal(t, plan, key.Plan(), "the original does not change")
	}
}

// TestFormattingNeverShowsMaterial prints a key in every way that fmt knows, alone and inside every
// kind of value that can hold one.
func TestFormattingNeverShowsMaterial(t *testing.T) {
	const secret = "kT7pXw29-shibboleth-of-32-bytes!"
	t.Run("HS256", func(t *testing.T) { assertNeverLeaks(t, secret, keys.NewHS256) })
	t.Run("EdDSA", func(t *testing.T) { assertNeverLeaks(t, secret, keys.NewEdDSA) })
	t.Run("ES256", func(t *testing.T) { assertNeverLeaks(t, secret, keys.NewES256) })
}

func assertNeverLeaks(t *testing.T, secret string,
	newKey func(keys.ID, []byte, keys.Plan) keys.Key) {
	t.Helper()
	key := newKey("kid", []byte(secret), keys.Plan{SignFrom: noon})
	keyring, err := keys.NewKeyring(key)
	require.NoError(t, err)
	_, clash := keys.NewKeyring(key, key, newKey("other", []byte(secret), keys.Plan{}))
	_, refused := keys.Add(keyring, keys.Addition{Key: key}, noon)
	type closed struct{ key keys.Key }
	for name, value := range map[string]any{
		"itself":           key,
		"pointer":          &key,
		"list":             []keys.Key{key},
		"map":              map[string]*keys.Key{"kid": &key},
		"interface":        []any{key},
		"exported field":   struct{ Key keys.Key }{key},
		"unexported field": closed{key},
		"nested unexported": &struct{ within map[string][]closed }{
			map[string][]closed{"a": {{key}}}},
		"keyring":             keyring,
		"keyring by value":    *keyring,
		"keyring, unexported": struct{ keyring *keys.Keyring }{keyring},
		"keyring's keys":      keyring.Keys(),
		"faults":              clash,
		"plan":                key.Plan(),
		"plan refused":        refused,
		"addition":            keys.Addition{Key: key},
		"addition, pointer":   &keys.Addition{Key: key},
		"formatted in error":  fmt.Errorf("%+v", keyring),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b",
			"%c", "%e", "%t", "%p", "%U", "%T", "%z"} {
			shown := fmt.Sprintf(verb, value)
			for _, form := range []string{"%s", "%x", "%X", "%d", "%v"} {
				assert.NotContains(t, shown, fmt.Sprintf(form, secret), "%s by %s", name, verb)
				assert.NotContains(t, shown, strings.Trim(fmt.Sprintf(form, []byte(secret)), "[]"),
					"%s by %s", name, verb)
			}
		}
		if written, err := json.Marshal(value); err == nil {
			assert.NotContains(t, string(written), secret, name)
		}
	}
	assert.Equal(t, "key kid", key.String())
	assert.Equal(t, "key kid", fmt.Sprintf("%#v", key))
}
