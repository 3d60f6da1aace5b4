package sessionclient_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/adapters/sessionclient"
)

func TestFileStorageKeepsATextThatOnlyItsOwnerMayRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder", "session")
	storage := sessionclient.NewFileStorage(path)
	ctx := t.Context()
	text, err := storage.Load(ctx)
	require.NoError(t, err)
	assert.Empty(t, text)
	require.NoError(t, storage.Save(ctx, ""), "nothing to forget")
	for _, text := range []string{"first", strings.Repeat("x", 5000), "second"} {
		require.NoError(t, storage.Save(ctx, text))
		loaded, err := sessionclient.NewFileStorage(path).Load(ctx)
		require.NoError(t, err)
		assert.Equal(t, text, loaded)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode())
	}
	info, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, storage.Save(ctx, "third"))
	info, err = os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode(), "a file that others could read is replaced")
	require.NoError(t, storage.Save(ctx, ""))
	assertFiles(t, filepath.Dir(path))
}

// assertFiles fails unless a folder holds exactly these files.
func assertFiles(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	assert.ElementsMatch(t, want, names)
}

func TestFileStorageShowsNoPartOfATextToOtherReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "session")
	texts := []string{strings.Repeat("a", 4000), strings.Repeat("b", 3000)}
	storage := sessionclient.NewFileStorage(path)
	require.NoError(t, storage.Save(t.Context(), texts[0]))
	var writers sync.WaitGroup
	for _, text := range texts {
		writers.Go(func() {
			for range 50 {
				assert.NoError(t, sessionclient.NewFileStorage(path).Save(t.Context(), text))
			}
		})
	}
	for range 200 {
		text, err := storage.Load(t.Context())
		require.NoError(t, err)
		assert.Contains(t, texts, text)
	}
	writers.Wait()
	assertFiles(t, filepath.Dir(path), "session")
}

func TestFileStorageLockExcludesOthersAndEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder", "session")
	one, other := sessionclient.NewFileStorage(path), sessionclient.NewFileStorage(path)
	unlock, err := one.Lock(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = other.Lock(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	unlock, err = other.Lock(t.Context())
	require.NoError(t, err)
	unlock()
	info, err := os.Stat(path + ".lock")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
}

// TestAClientGoesOnInMemoryWhateverItsFileIs has files that cannot be used. The tests may run as
// root, whom modes do not stop, so there are others too.
func TestAClientGoesOnInMemoryWhateverItsFileIs(t *testing.T) {
	t.Parallel()
	text := sessionclient.Text("install-others", "others.session")
	for name, prepare := range map[string]func(t *testing.T, folder string) string{
		"not JSON": func(t *testing.T, folder string) string {
			return write(t, folder, "session", "not json")
		},
		"too large": func(t *testing.T, folder string) string {
			return write(t, folder, "session", text+strings.Repeat(" ", 64<<10))
		},
		"not readable": func(t *testing.T, folder string) string {
			path := write(t, folder, "session", "not json")
			require.NoError(t, os.Chmod(path, 0))
			return path
		},
		"in a read-only folder": func(t *testing.T, folder string) string {
			require.NoError(t, os.Chmod(folder, 0o500))
			t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
			return filepath.Join(folder, "session")
		},
		"where no file can be created": func(*testing.T, string) string {
			return "/proc/self/session"
		},
		"below a file": func(t *testing.T, folder string) string {
			return filepath.Join(write(t, folder, "file", ""), "session")
		},
		"a folder": func(_ *testing.T, folder string) string { return folder },
		"a link": func(t *testing.T, folder string) string {
			target, path := write(t, folder, "target", text), filepath.Join(folder, "session")
			require.NoError(t, os.Symlink(target, path))
			t.Cleanup(func() {
				kept, err := os.ReadFile(target)
				assert.NoError(t, err)
				assert.Equal(t, text, string(kept), "the target of a link is not the client's")
			})
			return path
		},
		"a link to nothing": func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "session")
			require.NoError(t, os.Symlink(filepath.Join(folder, "none"), path))
			return path
		},
		"a lock that is a link": func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "session")
			require.NoError(t, os.Symlink(write(t, folder, "target", ""), path+".lock"))
			return path
		},
		"a pipe": func(t *testing.T, folder string) string {
			path := filepath.Join(folder, "session")
			require.NoError(t, unix.Mkfifo(path, 0o600))
			return path
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := prepare(t, t.TempDir())
			service := &service{}
			client := newClient(t, service, func(c *sessionclient.Config) {
				c.Storage = sessionclient.NewFileStorage(path)
			})
			for range 3 {
				token, err := client.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "session.1", token)
			}
			assert.Equal(t, 1, service.seen())
			_ = client.SignOut(t.Context())
			token, err := client.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "session.2", token, "it must forget even so")
		})
	}
}

func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestWhatCouldNotBeSavedIsSavedLater(t *testing.T) {
	t.Parallel()
	storage := &storage{Storage: sessionclient.NewMemoryStorage()}
	client := newClient(t, &service{}, func(c *sessionclient.Config) { c.Storage = storage })
	text := func() string {
		text, err := storage.Storage.Load(t.Context())
		require.NoError(t, err)
		return text
	}
	first, err := client.Token(t.Context())
	require.NoError(t, err)
	before := text()
	storage.failing.Store(true)
	assert.ErrorIs(t, client.SignOut(t.Context()), errStorage)
	assert.Equal(t, before, text())
	second, err := client.Token(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, first, second, "a sign-out holds in memory")
	storage.failing.Store(false)
	again, err := client.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, second, again)
	_, stored := sessionclient.Held(text())
	assert.Equal(t, second, stored)
	require.NoError(t, client.SignOut(t.Context()))
	assert.Empty(t, text())
}
