package throttle_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
)

var (
	digestKey = []byte("the limiter's digest key, for tests")
	otherKey  = []byte("the limiter's digest key, for test.") // differs in the last byte
)

func TestSubjectsDiffer(t *testing.T) {
	seen := map[throttle.Subject]string{}
	for name, key := range map[string][]byte{"key": digestKey, "other key": otherKey} {
		digester := throttle.NewDigester(key)
		for _, dimension := range throttle.Dimensions() {
			for _, text := range []string{
				"", "a", "b", "ab", "a\x00", "\x00a", "install-12345", "install-12346",
				"Install-12345", "203.0.113.5/32",
				"ip", "install_id", strings.Repeat("a", 128), "caf\u00e9", "cafe\u0301",
			} {
				subject := digester.Subject(dimension, text)
				is := fmt.Sprintf("%s, %s, %q", name, dimension, text)
				assert.Empty(t, seen[subject], "%s, and %s", is, seen[subject])
				seen[subject] = is
				assert.Equal(t, subject, throttle.NewDigester(bytes.Clone(key)).Subject(dimension,
					text), "every digester with this key must agree")
			}
		}
	}
}

// TestSubjectIsStable pins the digest, because replicas of different versions that share a storage
// must agree. The values were computed with another implementation of HKDF-SHA256 (RFC 5869) and
// HMAC-SHA256.
func TestSubjectIsStable(t *testing.T) {
	digester := throttle.NewDigester(digestKey)
	byInstall := digester.Subject(throttle.ByInstall, "install-12345")
	assert.Equal(t, "8da65404d89e3a77699f1f6989e53791", hex.EncodeToString(byInstall[:]))
	byAddress := digester.Subject(throttle.ByAddress, "203.0.113.5/32")
	assert.Equal(t, "03b7e0b68e5210d72f2c9922557d04af", hex.EncodeToString(byAddress[:]))
	assert.Equal(t, "0b92698a8c05", throttle.NewPseudonyms(digestKey).Of(byInstall))
}

func TestDigesterDoesNotRetainTheInput(t *testing.T) {
	key := bytes.Clone(digestKey)
	digester, pseudonyms := throttle.NewDigester(key), throttle.NewPseudonyms(key)
	clear(key)
	subject := throttle.NewDigester(digestKey).Subject(throttle.ByInstall, "install-12345")
	assert.Equal(t, subject, digester.Subject(throttle.ByInstall, "install-12345"))
	assert.Equal(t, throttle.NewPseudonyms(digestKey).Of(subject), pseudonyms.Of(subject))
}

func TestPseudonyms(t *testing.T) {
	digester, pseudonyms := throttle.NewDigester(digestKey), throttle.NewPseudonyms(digestKey)
	seen := map[string]int{}
	for i := range 1000 {
		subject := digester.Subject(throttle.ByInstall, fmt.Sprintf("install-%d", i))
		pseudonym := pseudonyms.Of(subject)
		assert.Regexp(t, "^[0-9a-f]{12}$", pseudonym)
		assert.NotContains(t, hex.EncodeToString(subject[:]), pseudonym,
			"a pseudonym must not be part of what a storage holds")
		assert.Equal(t, pseudonym, pseudonyms.Of(subject))
		assert.NotEqual(t, pseudonym, throttle.NewPseudonyms(otherKey).Of(subject),
			"must depend on the key")
		assert.NotContains(t, seen, pseudonym)
		seen[pseudonym] = i
		// Nor may it be what the digester returns for anything that an observer could guess.
		for _, guess := range []string{fmt.Sprintf("install-%d", i), string(subject[:]),
			hex.EncodeToString(subject[:])} {
			for _, dimension := range throttle.Dimensions() {
				guessed := digester.Subject(dimension, guess)
				assert.NotContains(t, hex.EncodeToString(guessed[:]), pseudonym)
			}
		}
	}
}

// TestTraceDigester checks that a trace holds neither what a storage holds nor what telemetry
// shows.
func TestTraceDigester(t *testing.T) {
	digester, traced := throttle.NewDigester(digestKey), throttle.NewTraceDigester(digestKey)
	for i := range 1000 {
		subject := digester.Subject(throttle.ByInstall, fmt.Sprintf("install-%d", i))
		shown := traced.Subject(subject)
		assert.Equal(t, shown, traced.Subject(subject))
		assert.NotEqual(t, subject, shown)
		assert.NotEqual(t, shown, throttle.NewTraceDigester(otherKey).Subject(subject))
		assert.NotContains(t, hex.EncodeToString(shown[:]),
			throttle.NewPseudonyms(digestKey).Of(subject))
		for _, guess := range []string{string(subject[:]), hex.EncodeToString(subject[:])} {
			assert.NotEqual(t, digester.Subject(throttle.ByInstall, guess), shown)
		}
	}
	assert.Equal(t, "trace digester, trace digester", fmt.Sprintf("%#v, %v", traced, traced))
}

// shownForms returns what formatting the derived key of a purpose could show: the key itself, and
// the two states of SHA-256 that HMAC computes from it.
func shownForms(t *testing.T, purpose string) [][]byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, digestKey, nil, purpose, sha256.Size)
	require.NoError(t, err)
	forms := [][]byte{key}
	for _, pad := range []byte{0x36, 0x5c} { // RFC 2104 §2
		block := bytes.Repeat([]byte{pad}, sha256.BlockSize)
		subtle.XORBytes(block, block, key)
		digest := sha256.New()
		digest.Write(block)
		state, err := digest.(encoding.BinaryMarshaler).MarshalBinary()
		require.NoError(t, err)
		forms = append(forms, state[4:36]) // the hash value, without the magic number before it
	}
	return forms
}

// TestKeysAreNeverShown formats values that hold a derived key with every verb of fmt.
func TestKeysAreNeverShown(t *testing.T) {
	digester, pseudonyms := throttle.NewDigester(digestKey), throttle.NewPseudonyms(digestKey)
	var secrets [][]byte
	for _, purpose := range []string{"storage", "telemetry", "trace"} {
		secrets = append(secrets, shownForms(t, "sessiond limiter "+purpose+" v1")...)
	}
	for name, value := range map[string]any{
		"digester": digester, "pointer": &digester, "list": []throttle.Digester{digester},
		"interface":        []any{digester, pseudonyms},
		"unexported field": struct{ digester throttle.Digester }{digester},
		"deep": &struct {
			items []map[string]throttle.Pseudonyms
		}{[]map[string]throttle.Pseudonyms{{"a": pseudonyms}}},
		"trace digester": throttle.NewTraceDigester(digestKey),
		"pseudonyms":     pseudonyms, "pointer to pseudonyms": &pseudonyms,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b",
			"%c", "%e", "%t", "%p", "%U", "%T", "%z"} {
			shown := fmt.Sprintf(verb, value)
			for _, secret := range secrets {
				for _, form := range []string{"%s", "%x", "%X", "%d", "%v", "%o", "%b", "%c", "%U",
					"%q", "%#v"} {
					assert.NotContains(t, shown, strings.TrimPrefix(strings.Trim(
						fmt.Sprintf(form, secret), "[]{}"), "[]byte{"), "%s with %s", name, verb)
					assert.NotContains(t, shown, fmt.Sprintf(form, string(secret)), "%s with %s",
						name, verb)
				}
			}
		}
		if written, err := json.Marshal(value); err == nil {
			assert.Regexp(t, `^[\[\]{},]*$`, string(written), name)
		}
	}
	assert.Equal(t, "digester", fmt.Sprintf("%#v", digester))
	assert.Equal(t, "pseudonyms", pseudonyms.String())
}
