package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/secret"
)

// TestAcceptsRandomSecrets checks that of many random secrets in a usual format at most one is
// refused. make test-long tries a million of each.
func TestAcceptsRandomSecrets(t *testing.T) {
	const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for i, format := range []struct {
		name string
		make func(random *rand.ChaCha8) string
	}{
		{"32 hex digits", func(random *rand.ChaCha8) string {
			return hex.EncodeToString(draw(random, 16))
		}},
		{"UUID v4", func(random *rand.ChaCha8) string {
			b := draw(random, 16)
			b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, section 5.4
			h := hex.EncodeToString(b)
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		}},
		{"32 bytes in hex", func(random *rand.ChaCha8) string {
			return hex.EncodeToString(draw(random, 32))
		}},
		{"32 bytes in base64", func(random *rand.ChaCha8) string {
			return base64.StdEncoding.EncodeToString(draw(random, 32))
		}},
		{"32 bytes in base64url", func(random *rand.ChaCha8) string {
			return base64.RawURLEncoding.EncodeToString(draw(random, 32))
		}},
		{"24 bytes in base64", func(random *rand.ChaCha8) string {
			return base64.StdEncoding.EncodeToString(draw(random, 24))
		}},
		{"40 letters and digits", func(random *rand.ChaCha8) string {
			b, even := make([]byte, 40), rand.New(random)
			for i := range b {
				b[i] = alphanumeric[even.IntN(len(alphanumeric))]
			}
			return string(b)
		}},
	} {
		t.Run(format.name, func(t *testing.T) {
			t.Parallel()
			random := rand.NewChaCha8([32]byte{byte(i)})
			var policy secret.Policy
			refused := 0
			for range samples(t, 20_000) {
				if len(policy.Assess(format.make(random))) > 0 {
					refused++
				}
			}
			assert.LessOrEqual(t, refused, 1)
		})
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
