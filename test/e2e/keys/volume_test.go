package keys_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// volume is a keyset as Kubernetes mounts it: the file is a symbolic link through a second one, and
// an update swaps the second.
type volume struct {
	folder  string
	version int
}

func newVolume(t *testing.T, text string) *volume {
	t.Helper()
	v := &volume{folder: t.TempDir()}
	v.publish(t, text, 0o600)
	require.NoError(t, os.Symlink(filepath.Join("..data", "keyset.json"), v.path()))
	return v
}

// path returns the path that the service is given.
func (v *volume) path() string { return filepath.Join(v.folder, "keyset.json") }

// data returns the path of the link that an update swaps.
func (v *volume) data() string { return filepath.Join(v.folder, "..data") }

// publish replaces the keyset file, as the kubelet does.
func (v *volume) publish(t *testing.T, text string, mode os.FileMode) {
	t.Helper()
	v.swap(t, func(name string) {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		require.NoError(t, os.Chmod(name, mode))
	})
}

// swap replaces the folder atomically. The makeFile function creates the entry with the name of the
// keyset in the new one.
func (v *volume) swap(t *testing.T, makeFile func(name string)) {
	t.Helper()
	before := filepath.Join(v.folder, fmt.Sprintf("..v%d", v.version))
	v.version++
	next := fmt.Sprintf("..v%d", v.version)
	require.NoError(t, os.Mkdir(filepath.Join(v.folder, next), 0o755))
	makeFile(filepath.Join(v.folder, next, "keyset.json"))
	link := filepath.Join(v.folder, "..data_tmp")
	require.NoError(t, os.Symlink(next, link))
	require.NoError(t, os.Rename(link, v.data()))
	require.NoError(t, os.RemoveAll(before))
}

// replace replaces the file in the mounted folder and leaves the links unchanged.
func (v *volume) replace(t *testing.T, text string) {
	t.Helper()
	next := filepath.Join(v.data(), "next")
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, filepath.Join(v.data(), "keyset.json")))
}

// text returns the content of the keyset file.
func (v *volume) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(v.path())
	require.NoError(t, err)
	return string(text)
}

// key returns a key of the keyset.
func (v *volume) key(t *testing.T, kid keys.ID) keys.Key {
	t.Helper()
	keyring, err := keys.ParseSet(v.text(t))
	require.NoError(t, err)
	all := keyring.Keys()
	at := slices.IndexFunc(all, func(key keys.Key) bool { return key.ID() == kid })
	require.GreaterOrEqual(t, at, 0)
	return all[at]
}
