package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// JWKSPath is the path that publishes the public keys, DiscoveryPath that of the document that
// names their address.
const (
	JWKSPath      = "/.well-known/jwks.json"
	DiscoveryPath = "/.well-known/openid-configuration"
)

// HS256Key returns an HS256 key that signs from an instant on.
func HS256Key(id keys.ID, secret string, from time.Time) keys.Key {
	return keys.NewHS256(id, []byte(secret), keys.Plan{SignFrom: from})
}

// EdDSAKey returns an EdDSA key that signs from an instant on. Its seed repeats one byte.
func EdDSAKey(id keys.ID, seed byte, from time.Time) keys.Key {
	return keys.NewEdDSA(id, bytes.Repeat([]byte{seed}, keys.SeedSize), keys.Plan{SignFrom: from})
}

// ES256Key returns an ES256 key that signs from an instant on. Its scalar repeats one byte.
func ES256Key(id keys.ID, scalar byte, from time.Time) keys.Key {
	return keys.NewES256(id, bytes.Repeat([]byte{scalar}, 32), keys.Plan{SignFrom: from})
}

// KeysetText returns the text of a keyset.
func KeysetText(t testing.TB, all ...keys.Key) string {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keys.FormatSet(keyring)
}

// KeysetFile is the path of a keyset file.
type KeysetFile string

// NewKeyset writes a keyset file in a folder of its own.
func NewKeyset(t testing.TB, all ...keys.Key) KeysetFile {
	t.Helper()
	file := KeysetFile(filepath.Join(t.TempDir(), "keyset.json"))
	file.Put(t, all...)
	return file
}

// Put replaces the keyset atomically, as the commands do.
func (f KeysetFile) Put(t testing.TB, all ...keys.Key) {
	t.Helper()
	f.Write(t, KeysetText(t, all...), 0o600)
}

// Write replaces the file atomically with any text.
func (f KeysetFile) Write(t testing.TB, text string, mode os.FileMode) {
	t.Helper()
	next := string(f) + ".next"
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Chmod(next, mode))
	require.NoError(t, os.Rename(next, string(f)))
}

// Env returns an environment with the keyset file, and more.
func (f KeysetFile) Env(more Env) Env {
	return Env{"OFFLOAD_SESSION_KEYSET_FILE": string(f)}.With(more)
}

// ProductionKeyset returns a production-like environment with a keyset file.
func ProductionKeyset(path string) Env {
	return KeysetFile(path).Env(Env{"OFFLOAD_ENVIRONMENT": "production"})
}

// KeysCommand runs a sessiond keys command, which must succeed.
func KeysCommand(t testing.TB, env Env, args ...string) {
	t.Helper()
	exit := Run(t, env, append([]string{"keys"}, args...)...)
	require.Zero(t, exit.Status, "%s", exit.Output)
}
