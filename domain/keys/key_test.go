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
		"": false, "a": true, "2026-02_key.A": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
		"a b": false, "a\n": false, "\x00": false, "caf\u00e9": false, "\u212a": false, "a/b": false, "..": true, "\xff": false,
	} {
		id, ok := keys.ParseID(text)
		assert.Equal(t, want, ok, "%q", text)
		assert.Equal(t, ok, id != "", "%q", text)
	}
}

func TestAlgorithm(t *testing.T) {
	assert.Equal(t, 32, keys.HS256.SignatureSize())
	for _, other := range []keys.Algorithm{"", "none", "hs256", "HS512", "RS256"} {
		assert.Zero(t, other.SignatureSize(), string(other))
	}
}

// TestSign goes over the cases of RFC 4231 that are HMAC-SHA-256 in full.
func TestSign(t *testing.T) {
	for name, c := range map[string]struct{ key, message, signature string }{
		"4.2": {strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		"4.3": {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		"4.4": {
			strings.Repeat("\xaa", 20), strings.Repeat("\xdd", 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
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
			for _, wrong := range [][]byte{nil, {}, signature[:31], append(append([]byte{}, signature...), 0), make([]byte, 32)} {
				assert.False(t, key.Verify([]byte(c.message), wrong))
			}
			for i := range signature {
				wrong := append([]byte{}, signature...)
				wrong[i] ^= 1
				assert.False(t, key.Verify([]byte(c.message), wrong), "byte %d", i)
			}
			assert.False(t, keys.NewHS256("kid", []byte(c.key+"x"), keys.Plan{}).Verify([]byte(c.message), signature))
		})
	}
}

func TestKeyKeepsWhatItWasMadeOf(t *testing.T) {
	secret := []byte("a secret of the caller's")
	plan := keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(1), Revoked: true}
	key := keys.NewHS256("kid", secret, plan)
	signed := key.Sign([]byte("message"))
	clear(secret)
	clear(key.Secret())
	assert.Equal(t, "a secret of the caller's", string(key.Secret()))
	assert.Equal(t, signed, key.Sign([]byte("message")))
	assert.Equal(t, keys.ID("kid"), key.ID())
	assert.Equal(t, keys.HS256, key.Algorithm())
	assert.Equal(t, plan, key.Plan())
}

// TestMaterialIsNeverShown prints a key in every way that fmt knows, alone and in whatever can hold one.
func TestMaterialIsNeverShown(t *testing.T) {
	const secret = "kT7pXw29-shibboleth"
	key := keys.NewHS256("kid", []byte(secret), keys.Plan{SignFrom: noon})
	ring, err := keys.NewRing(key)
	require.NoError(t, err)
	_, clash := keys.NewRing(key, key, keys.NewHS256("other", []byte(secret), keys.Plan{}))
	type closed struct{ key keys.Key }
	for name, value := range map[string]any{
		"itself":             key,
		"pointer":            &key,
		"list":               []keys.Key{key},
		"map":                map[string]*keys.Key{"kid": &key},
		"interface":          []any{key},
		"exported field":     struct{ Key keys.Key }{key},
		"unexported field":   closed{key},
		"unexported, deep":   &struct{ within map[string][]closed }{map[string][]closed{"a": {{key}}}},
		"ring":               ring,
		"ring by value":      *ring,
		"ring, unexported":   struct{ ring *keys.Ring }{ring},
		"ring's keys":        ring.Keys(),
		"faults":             clash,
		"plan":               key.Plan(),
		"formatted in error": fmt.Errorf("%+v", ring),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%e", "%t", "%p", "%U", "%T", "%z"} {
			shown := fmt.Sprintf(verb, value)
			for _, form := range []string{"%s", "%x", "%X", "%d", "%v"} {
				assert.NotContains(t, shown, fmt.Sprintf(form, secret), "%s by %s", name, verb)
				assert.NotContains(t, shown, strings.Trim(fmt.Sprintf(form, []byte(secret)), "[]"), "%s by %s", name, verb)
			}
		}
		if written, err := json.Marshal(value); err == nil {
			assert.NotContains(t, string(written), secret, name)
		}
	}
	assert.Equal(t, "key kid", key.String())
	assert.Equal(t, "key kid", fmt.Sprintf("%#v", key))
}
