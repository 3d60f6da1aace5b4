package peers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/harness/parts"
)

// opensslFolder is a folder in which openssl runs. OpenSSL knows neither JOSE nor JWK: keys are in
// PEM, and a signature is a sequence of two integers.
type opensslFolder string

// run runs openssl, and reports whether it succeeded.
func (f opensslFolder) run(t testing.TB, args ...string) bool {
	t.Helper()
	program, env, err := parts.Find("openssl", "openssl")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir, command.Env = string(f), append(os.Environ(), env...)
	output, err := command.CombinedOutput()
	t.Logf("openssl %s: %s", strings.Join(args, " "), output)
	return err == nil
}

func (f opensslFolder) write(t testing.TB, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(string(f), name), data, 0o600))
}

func (f opensslFolder) read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(string(f), name))
	require.NoError(t, err)
	return data
}

// verifies reports whether openssl verifies a token with a key of a published JWK Set.
func (f opensslFolder) verifies(t testing.TB, text, set, kid string) bool {
	t.Helper()
	public, err := publicKeys(set)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(public[kid])
	require.NoError(t, err)
	f.write(t, "public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	f.write(t, "signed", []byte(text[:strings.LastIndex(text, ".")]))
	signature := []byte(decoded(t, text, 2))
	require.Len(t, signature, 64)
	der, err = asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]),
		new(big.Int).SetBytes(signature[32:])})
	require.NoError(t, err)
	f.write(t, "signature", der)
	return f.run(t, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed")
}

func TestOpenSSLVerifiesOurTokens(t *testing.T) {
	folder := opensslFolder(t.TempDir())
	set := keys.FormatPublic(keyring(t), noon)
	for _, install := range installs {
		text := token.Sign(ours(t, point, install), point)
		assert.True(t, folder.verifies(t, text, set, "point"), install)
		segments := strings.Split(text, ".")
		changed := strings.Replace(text, segments[1], encoded([]byte(`{"v":2}`)), 1)
		assert.False(t, folder.verifies(t, changed, set, "point"))
	}
}

// TestOpenSSLMakesOurKeys shows that a key that openssl generates becomes a key of a keyset, and
// that we verify what openssl signs with it.
func TestOpenSSLMakesOurKeys(t *testing.T) {
	folder := opensslFolder(t.TempDir())
	require.True(t, folder.run(t, "genpkey", "-algorithm", "EC", "-pkeyopt",
		"ec_paramgen_curve:P-256", "-out", "private.pem"))
	block, _ := pem.Decode(folder.read(t, "private.pem"))
	require.NotNil(t, block)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	private, ok := parsed.(*ecdsa.PrivateKey)
	require.True(t, ok)

	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(golangJWT{}.private(t, "openssl", private)), &members))
	members["sign_from"] = "2026-02-16T11:00:00Z"
	set, err := json.Marshal(map[string]any{"keys": []any{members}})
	require.NoError(t, err)
	read, err := keys.ParseSet(string(set))
	require.NoError(t, err)
	key, ok := read.SignerAt(noon)
	require.True(t, ok)
	assert.True(t, folder.verifies(t, token.Sign(ours(t, key, installs[0]), key),
		keys.FormatPublic(read, noon), "openssl"))

	text := token.Sign(ours(t, key, installs[0]), key)
	signed := text[:strings.LastIndex(text, ".")]
	folder.write(t, "signed", []byte(signed))
	require.True(t, folder.run(t, "dgst", "-sha256", "-sign", "private.pem", "-out", "signature",
		"signed"))
	var signature struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(folder.read(t, "signature"), &signature)
	require.NoError(t, err)
	order := elliptic.P256().Params().N
	if signature.S.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		signature.S.Sub(order, signature.S)
	}
	halves := make([]byte, 64)
	signature.R.FillBytes(halves[:32])
	signature.S.FillBytes(halves[32:])
	_, err = token.Verify(signed+"."+encoded(halves), read, settings, noon)
	assert.NoError(t, err)
}
