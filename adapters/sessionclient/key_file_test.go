package sessionclient_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// pemOf returns a key in PKCS #8 as PEM.
func pemOf(t testing.TB, key crypto.Signer) string {
	t.Helper()
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return inPEM(encoded)
}

func inPEM(encoded []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

func TestFileKeyKeepsAKeyThatOnlyItsOwnerMayRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder", "key.pem")
	ctx := t.Context()
	made := sessionclient.NewFileKey(path)
	require.NoError(t, made.Forget(ctx), "nothing to forget")
	first, err := made.Signer(ctx)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
	for _, again := range []*sessionclient.FileKey{made, sessionclient.NewFileKey(path)} {
		same, err := again.Signer(ctx)
		require.NoError(t, err)
		assert.Equal(t, first, same)
	}
	other := sessionclient.NewFileKey(path)
	require.NoError(t, other.Forget(ctx))
	assertFiles(t, filepath.Dir(path), "key.pem.lock")
	next, err := made.Signer(ctx)
	require.NoError(t, err)
	assert.NotEqual(t, first, next, "what another process has forgotten is not used again")
}

func TestFileKeyTakesKeysOfOthers(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, key := range []crypto.Signer{ed, newP256(t)} {
		path := write(t, t.TempDir(), "key.pem", "a comment\n"+pemOf(t, key))
		read, err := sessionclient.NewFileKey(path).Signer(t.Context())
		require.NoError(t, err)
		assert.Equal(t, key.Public(), read.Public())
	}
}

// TestAFileThatIsNoKeyIsAnErrorAndStays has files that cannot be used.
func TestAFileThatIsNoKeyIsAnErrorAndStays(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	good := pemOf(t, newP256(t))
	block, _ := pem.Decode([]byte(good))
	sec1, err := x509.MarshalECPrivateKey(newP256(t))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		want error // any, if nil
	}{
		"not PEM":               {"not a key", 0o600, sessionclient.ErrKey},
		"blank":                 {"\n", 0o600, sessionclient.ErrKey},
		"cut off":               {good[:len(good)/2], 0o600, sessionclient.ErrKey},
		"with a wrong byte":     {good[:60] + "AAAA" + good[64:], 0o600, sessionclient.ErrKey},
		"another curve":         {pemOf(t, p384), 0o600, sessionclient.ErrKey},
		"another type":          {strings.ReplaceAll(good, "PRIVATE", "PUBLIC"), 0o600, sessionclient.ErrKey},
		"another form":          {inPEM(sec1), 0o600, sessionclient.ErrKey},
		"binary":                {string(block.Bytes), 0o600, sessionclient.ErrKey},
		"a session":             {sessionclient.Text("install-12345", "a.b"), 0o600, sessionclient.ErrKey},
		"too large":             {good + strings.Repeat("\n", 64<<10), 0o600, nil},
		"readable by all":       {good, 0o644, sessionclient.ErrKeyMode},
		"readable by the group": {good, 0o640, sessionclient.ErrKeyMode},
		"writable by others":    {good, 0o602, sessionclient.ErrKeyMode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := write(t, folder, "key.pem", c.text)
			require.NoError(t, os.Chmod(path, c.mode))
			service := &service{}
			client := newClient(t, service, func(config *sessionclient.Config) {
				config.Key = sessionclient.NewFileKey(path)
			})
			_, err := client.Token(t.Context())
			assert.Equal(t, sessionclient.CodeKeyUnavailable, failureOf(t, err))
			if c.want != nil {
				assert.ErrorIs(t, err, c.want)
				assert.ErrorContains(t, err, path)
			}
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(kept), "a key must not be replaced without need")
			assert.Zero(t, service.seen())
			require.NoError(t, client.SignOut(t.Context()))
			_, err = client.Token(t.Context())
			require.NoError(t, err, "a sign-out removes it")
		})
	}
}

// TestAFileThatCannotBeAKeyIsAnError has what is no file, or cannot be made. The tests may run as
// root, whom modes do not stop.
func TestAFileThatCannotBeAKeyIsAnError(t *testing.T) {
	t.Parallel()
	good := pemOf(t, newP256(t))
	for name, prepare := range map[string]func(t *testing.T, folder string) string{
		"where no file can be created": func(*testing.T, string) string {
			return "/proc/self/key.pem"
		},
		"below a file": func(t *testing.T, folder string) string {
			return filepath.Join(write(t, folder, "file", ""), "key.pem")
		},
		"a folder": func(_ *testing.T, folder string) string { return folder },
		"a link": func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "key.pem")
			require.NoError(t, os.Symlink(write(t, folder, "target", good), path))
			return path
		},
		"a link to nothing": func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "key.pem")
			require.NoError(t, os.Symlink(filepath.Join(folder, "none"), path))
			return path
		},
		"a pipe": func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "key.pem")
			require.NoError(t, unix.Mkfifo(path, 0o600))
			return path
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sessionclient.NewFileKey(prepare(t, t.TempDir())).Signer(t.Context())
			assert.Error(t, err)
		})
	}
}

func TestAnEmptyFileIsNoKeyYet(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "key.pem", "")
	made, err := sessionclient.NewFileKey(path).Signer(t.Context())
	require.NoError(t, err)
	again, err := sessionclient.NewFileKey(path).Signer(t.Context())
	require.NoError(t, err)
	assert.Equal(t, made, again)
}

func TestSeveralFileKeysMakeOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app", "key.pem")
	var all sync.WaitGroup
	made := make([]crypto.Signer, 16)
	for i := range made {
		all.Go(func() {
			signer, err := sessionclient.NewFileKey(path).Signer(t.Context())
			assert.NoError(t, err)
			made[i] = signer
		})
	}
	all.Wait()
	for _, signer := range made {
		assert.Equal(t, made[0], signer)
	}
	assertFiles(t, filepath.Dir(path), "key.pem", "key.pem.lock")
}

// TestAFileKeyWaitsForTheLockNoLongerThanItsContext has another process that makes a key and does
// not end.
func TestAFileKeyWaitsForTheLockNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	unlock, err := sessionclient.NewFileStorage(path).Lock(t.Context())
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sessionclient.NewFileKey(path).Signer(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	assertFiles(t, filepath.Dir(path), "key.pem.lock")
}

// FuzzKeyFile reads any text as a key: it is one that makes good proofs, or none.
func FuzzKeyFile(f *testing.F) {
	_, ed, err := ed25519.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	require.NoError(f, err)
	for _, seed := range []string{"", "x", pemOf(f, newP256(f)), pemOf(f, ed),
		"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		signer, err := sessionclient.ParseKey(text)
		if err != nil {
			assert.Equal(t, sessionclient.ErrKey, err)
			return
		}
		assertProof(t, signer, "GET", "https://a.example/", "", "")
	})
}
