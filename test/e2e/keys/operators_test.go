package keys_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// What operators do with keys, with the built binary: the first key, the move from a secret to a
// keyset, the move to another algorithm, and the modes of the file.

// renewalPolicy is the RateLimit-Policy of a renewal under the default limits.
const renewalPolicy = `"renewal";q=2;w=60, "renewal_ip";q=10000;w=60`

// renews requests a session with a token of the same installation, which must count as a renewal,
// and returns the new token.
func renews(t *testing.T, client *harness.Client, installID, token string) string {
	t.Helper()
	answer := client.Issue(t, installID, harness.Bearer(token))
	renewed := answer.Session(t).Token
	assert.Equal(t, renewalPolicy, answer.Header.Get("RateLimit-Policy"))
	return renewed
}

// published reports whether the published keys verify a JWS, as other verifiers do it.
func published(t *testing.T, client *harness.Client, token string) bool {
	t.Helper()
	var set struct {
		Keys []struct{ Kid, Crv, X, Y string }
	}
	client.Send(t, http.MethodGet, harness.JWKSPath, "").Decode(t, &set)
	decode := func(text string) []byte {
		data, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		return data
	}
	end := strings.LastIndexByte(token, '.')
	signed, signature := []byte(token[:end]), decode(token[end+1:])
	for _, key := range set.Keys {
		switch {
		case key.Kid != string(harness.StampOf(t, token).Kid):
		case key.Crv == "Ed25519":
			return ed25519.Verify(decode(key.X), signed, signature)
		case key.Crv == "P-256":
			public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(),
				slices.Concat([]byte{4}, decode(key.X), decode(key.Y)))
			require.NoError(t, err)
			digest := sha256.Sum256(signed)
			return ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]),
				new(big.Int).SetBytes(signature[32:]))
		}
	}
	return false
}

// TestKeysFromNothingToASession shows that the service names the command that creates the missing
// keyset, and that it works.
func TestKeysFromNothingToASession(t *testing.T) {
	t.Parallel()
	for algorithm, args := range map[keys.Algorithm][]string{keys.HS256: nil,
		keys.EdDSA: {"--alg", "EdDSA"}, keys.ES256: {"--alg", "ES256"}} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "keyset.json")
			refused := harness.RunRefused(t, harness.ProductionKeyset(path))
			harness.AssertRefused(t, refused, nil)
			assert.Contains(t, refused.Output, "sessiond keys create")

			harness.KeysCommand(t, harness.ProductionKeyset(path),
				append([]string{"create", "--kid", "first"}, args...)...)
			stat, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), stat.Mode())

			service := harness.Start(t, harness.ProductionKeyset(path))
			service.RequireHealthy(t)
			token := service.Token(t, "install-12345")
			stamp := harness.StampOf(t, token)
			assert.Equal(t, keys.ID("first"), stamp.Kid)
			assert.Equal(t, algorithm, stamp.Algorithm)
			assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
			assert.Equal(t, algorithm.Published(), published(t, service.Client, token))
		})
	}
}

// TestKeysImportLosesNoSession shows that an imported secret is the same key: tokens signed before
// remain valid and renewable, also when they have expired meanwhile.
func TestKeysImportLosesNoSession(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	before := harness.Start(t, harness.Production(nil))
	token := before.Token(t, "install-12345")
	harness.KeysCommand(t, harness.ProductionKeyset(path), "import", "--kid", "v2-default",
		"--secret-file",
		harness.SecretFile(t, 0o600, " \t"+harness.StrongSecret+"\r\n\n"))

	after := harness.Start(t, harness.ProductionKeyset(path))
	assert.Equal(t, http.StatusOK, after.Current(t, harness.Bearer(token)).Status)
	renewed := renews(t, after.Client, "install-12345", token)
	assert.Equal(t, http.StatusOK, before.Current(t, harness.Bearer(renewed)).Status,
		"replicas of both kinds must accept each other's tokens")
	renews(t, before.Client, "install-12345", renewed)

	later := harness.ServeAt(t, wall().Add(2*time.Hour), harness.ProductionKeyset(path))
	assert.Equal(t, "expired_token", later.Current(t, harness.Bearer(token)).Code())
	renews(t, later.Client, "install-12345", token)
}

// TestKeysOfAnotherAlgorithmLoseNoSession shows that a rotation may change the algorithm: tokens of
// the old key remain valid and renewable, and other verifiers know the new key.
func TestKeysOfAnotherAlgorithmLoseNoSession(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]keys.Algorithm{{keys.HS256, keys.EdDSA}, {keys.EdDSA, keys.ES256},
		{keys.ES256, keys.HS256}} {
		t.Run(string(change[0]+" to "+change[1]), func(t *testing.T) {
			t.Parallel()
			changeAlgorithm(t, change[0], change[1])
		})
	}
}

func changeAlgorithm(t *testing.T, from, to keys.Algorithm) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	harness.KeysCommand(t, harness.ProductionKeyset(path), "create", "--kid", "old", "--alg",
		string(from))
	service := harness.Start(t, harness.ProductionKeyset(path).With(
		harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "10000", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0"}))
	var tokens []string
	for n := range 20 {
		tokens = append(tokens, service.Token(t, harness.InstallID(n)))
		require.Equal(t, from, harness.StampOf(t, tokens[n]).Algorithm)
	}
	harness.KeysCommand(t, harness.ProductionKeyset(path), "rotate", "--kid", "new", "--alg",
		string(to), "--sign-after",
		"1s", "--force")
	var last string
	issued := len(tokens)
	harness.Poll(t, "the new key signs", func() bool {
		last = service.Token(t, harness.InstallID(issued))
		issued++
		require.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(last)).Status)
		return harness.StampOf(t, last).Kid == "new"
	})
	assert.Equal(t, to, harness.StampOf(t, last).Algorithm)
	assert.Equal(t, to.Published(), published(t, service.Client, last))
	for n, token := range tokens {
		assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
		renewed := service.Issue(t, harness.InstallID(n), harness.Bearer(token))
		assert.Equal(t, renewalPolicy, renewed.Header.Get("RateLimit-Policy"))
		assert.Equal(t, to.Published(), published(t, service.Client, renewed.Session(t).Token))
	}
	assert.Empty(t, service.Log.Of("keys_reload_failed"))
}

// TestKeysFileModes shows which modes of the keyset file are accepted.
func TestKeysFileModes(t *testing.T) {
	t.Parallel()
	text := harness.KeysetText(t, harness.HS256Key("key", harness.StrongSecret,
		wall().Add(-time.Hour)))
	for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o620, 0o660, 0o666, 0o777} {
		t.Run(fmt.Sprintf("%#o is refused", mode), func(t *testing.T) {
			t.Parallel()
			path := harness.SecretFile(t, mode, text)
			exit := harness.RunRefused(t, harness.ProductionKeyset(path))
			harness.AssertRefused(t, exit, harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret})
			assert.Contains(t, exit.Output,
				"may be read or written by others, or written by its group")
		})
	}
	for _, mode := range []os.FileMode{0o640, 0o440, 0o600, 0o400} {
		t.Run(fmt.Sprintf("%#o is fine", mode), func(t *testing.T) {
			t.Parallel()
			harness.Start(t, harness.ProductionKeyset(
				harness.SecretFile(t, mode, text))).RequireHealthy(t)
		})
	}
	t.Run("development accepts any mode", func(t *testing.T) {
		t.Parallel()
		harness.Start(t, harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": harness.SecretFile(t, 0o666,
			text)}).RequireHealthy(t)
	})
}
