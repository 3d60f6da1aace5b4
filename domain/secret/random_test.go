package secret_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/secret"
)

// TestAcceptsRandomSecrets checks that of many random secrets in a usual form at most four in a
// million are refused. Upper and lower case of hex take turns, and so do both alphabets of base64,
// padded or not. make test-suites tries 20,000 of each form, make test-long more.
func TestAcceptsRandomSecrets(t *testing.T) {
	const (
		lower = "abcdefghijklmnopqrstuvwxyz0123456789"
		mixed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lower
		all   = mixed + "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	)
	type form struct {
		name string
		make func(random *rand.ChaCha8) string
	}
	forms := []form{
		{"UUID v4", func(random *rand.ChaCha8) string {
			b := draw(random, 16)
			b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, section 5.4
			h := hex.EncodeToString(b)
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		}},
		{"32 letters and digits", pick(mixed, 32)},
		{"40 letters and digits", pick(mixed, 40)},
		{"40 lower-case letters and digits", pick(lower, 40)},
		{"32 characters", pick(all, 32)},
	}
	encoded := func(name string, bytes int, encode func([]byte) string) {
		forms = append(forms, form{fmt.Sprintf("%d bytes in %s", bytes, name),
			func(random *rand.ChaCha8) string { return encode(draw(random, bytes)) }})
	}
	for _, bytes := range []int{16, 20, 24, 32, 64} {
		encoded("hex", bytes, func(b []byte) string {
			if b[0]&1 == 0 {
				return hex.EncodeToString(b)
			}
			return strings.ToUpper(hex.EncodeToString(b))
		})
	}
	encodings := []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding,
		base64.RawURLEncoding}
	for _, bytes := range []int{24, 32, 48, 64} {
		encoded("base64 and base64url", bytes, func(b []byte) string {
			return encodings[b[0]%4].EncodeToString(b)
		})
	}
	for _, bytes := range []int{20, 32} {
		encoded("base32", bytes, base32.StdEncoding.EncodeToString)
	}
	n := samples(t, 1000)
	for i, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			random := rand.NewChaCha8([32]byte{byte(i)})
			var policy secret.Policy
			refused := 0
			for range n {
				if len(policy.Assess(form.make(random))) > 0 {
					refused++
				}
			}
			assert.LessOrEqual(t, refused, n/250_000)
		})
	}
}

// pick returns a function that returns n characters of an alphabet.
func pick(alphabet string, n int) func(random *rand.ChaCha8) string {
	return func(random *rand.ChaCha8) string {
		b, even := make([]byte, n), rand.New(random)
		for i := range b {
			b[i] = alphabet[even.IntN(len(alphabet))]
		}
		return string(b)
	}
}

// samples returns the value of SECRET_TEST_SAMPLES, or n if it is not set.
func samples(t *testing.T, n int) int {
	t.Helper()
	text, set := os.LookupEnv("SECRET_TEST_SAMPLES")
	if !set {
		return n
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// draw returns n random bytes.
func draw(random *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	_, _ = random.Read(b) // never fails
	return b
}
