package throttle_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/throttle"
)

var (
	digestKey = []byte("the limiter's digest key, for tests")
	otherKey  = []byte("the limiter's digest key, for test.")
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
	assert.Equal(t, "trace digester", fmt.Sprintf("%#v %v", traced, traced)[:14])
}

// TestKeysAreNeverShown formats values that hold a derived key with every verb of fmt.
func TestKeysAreNeverShown(t *testing.T) {
	digester, pseudonyms := throttle.NewDigester(digestKey), throttle.NewPseudonyms(digestKey)
	derived := []string{"5b2b08ab23bd53edbbccc727e731c57991bfdfdf325fc847966c05e3cc802384",
		"f4f19cc5b0ff4056964ccf5f3060fb3dbf52f224d47fc11d4b2d7096945a4fec",
		"22aa2a080bd1685aecb66abe50611aea404f655bd6f2921eb5fc7efe2133ec51"}
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
			for _, key := range derived {
				material, err := hex.DecodeString(key)
				assert.NoError(t, err)
				for _, form := range []string{"%s", "%x", "%X", "%d", "%v", "%o", "%b", "%c", "%U",
					"%q"} {
					assert.NotContains(t, shown, strings.Trim(fmt.Sprintf(form, material), "[]"),
						"%s with %s", name, verb)
					assert.NotContains(t, shown, fmt.Sprintf(form, string(material)), "%s with %s",
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
