package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/secret"
)

func TestAssessBytes(t *testing.T) {
	decode := func(text string) []byte {
		material, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		return material
	}
	random := decode(strong) // 32 bytes
	large := make([]byte, 0, 1025)
	for i := range 1025 {
		large = append(large, byte(i*i>>3)|0x80)
	}
	for _, c := range []struct {
		name     string
		material []byte
		want     string
	}{
		{"32 random bytes", random, ""},
		{"31 random bytes", random[:31], "length"},
		{"1024 bytes", large[:1024], ""},
		{"1025 bytes", large, "length"},
		{"21 characters in 42 bytes", []byte("жщызйцюкенгшхъфвапрол"), "entropy chosen"},
		{"5 different bytes", []byte(strings.Repeat("\x00\x01\x02\x03\x04", 8)), "variety"},
		{"6 different bytes", []byte(strings.Repeat("\x00\x01\x02\x03\x04\x05", 8)), ""},
		{"bytes that are not text", []byte(strings.Repeat("\xff\xfe\xfd\xfc\xfb\xfa", 8)), ""},
		{
			"bytes are not checked for words or entropy",
			[]byte("\xffpasswordpasswordpasswordpassword"), "",
		},
		{"bytes are not decoded", []byte(
			"\xffbXkgand0IHNpZ25pbmcgc2VjcmV0IGZvciBwcm9kdWN0aW9uIHVzZQ"), ""},
		{"a progression", progression(40, 7), "chosen"},
		{"mostly one value", append(bytes.Repeat([]byte{0x81}, 33), random...), "chosen"},
		{"half of one value", append(bytes.Repeat([]byte{0x81}, 31), random...), ""},
		{"text with what is stripped", []byte("\ufeffpassword password password password\n\x00"),
			"placeholder entropy chosen"},
		{"UTF-16", []byte(inUTF16(binary.LittleEndian, "password password")),
			"placeholder entropy chosen"},
		{"published bytes: RFC 7515, A.1", decode(
			"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
			"published"},
		{"printable: strong", []byte(strong), ""},
		{"printable: all rules for text apply", []byte("changeme"), "length placeholder entropy"},
		{"printable: published", []byte(published), "published chosen"},
		{"printable: decoded", []byte("bXkgand0IHNpZ25pbmcgc2VjcmV0IGZvciBwcm9kdWN0aW9uIHVzZQ"),
			"decoded:placeholder decoded:entropy decoded:chosen"},
		{"printable: blanks are not trimmed", []byte("  k7Qz2mXw9RtB4vLc8HnJ6pYd3sGf5T  "), ""},
		{"printable: published with a trailing blank", []byte(published + " "), "published chosen"},
		{"white space at an end",
			[]byte("\tk7Qz2mXw9RtB4vLc8HnJ6pYd3sGf5Tj"), ""},
		{"lowest and highest printable", []byte(" ~" + strings.Repeat("kqzw", 8)), "entropy chosen"},
		{"below the printable range", []byte("\x1f~" + strings.Repeat("kqzw", 8)),
			"entropy wrapped chosen"},
		{"above the printable range", []byte(" \x7f" + strings.Repeat("kqzw", 8)),
			"entropy wrapped chosen"},
		{"empty", nil, "length variety entropy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, words(secret.Policy{}.AssessBytes(c.material)))
		})
	}
}

// progression returns n bytes, each greater by step than the one before, modulo 256.
func progression(n int, step byte) []byte {
	material := make([]byte, n)
	for i := range material {
		material[i] = byte(i) * step
	}
	return material
}

// TestAssessSeed checks that a seed is refused only if it is published.
func TestAssessSeed(t *testing.T) {
	// RFC 8037, A.1.
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	require.NoError(t, err)
	assert.Equal(t, "published", words(secret.Policy{}.AssessSeed(seed)))
	seed[0] ^= 1
	assert.Empty(t, secret.Policy{}.AssessSeed(seed))
	// RFC 7515, A.3.
	scalar, err := base64.RawURLEncoding.DecodeString("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")
	require.NoError(t, err)
	assert.Equal(t, "published", words(secret.Policy{}.AssessSeed(scalar)))
	assert.Empty(t, secret.Policy{}.AssessSeed([]byte("passwordpasswordpasswordpassword")))
	assert.Empty(t, secret.Policy{}.AssessSeed(nil))
}
