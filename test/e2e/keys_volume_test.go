package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// volume is a keyset as Kubernetes mounts it: the file is a link that leads through a second one,
// and an update swaps that one.
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

// path is the name by which the service knows the keyset.
func (v *volume) path() string { return filepath.Join(v.folder, "keyset.json") }

// data is the link that an update swaps.
func (v *volume) data() string { return filepath.Join(v.folder, "..data") }

// publish puts a file with text in the place of whatever was there, as kubelet does.
func (v *volume) publish(t *testing.T, text string, mode os.FileMode) {
	t.Helper()
	v.swap(t, func(name string) {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		require.NoError(t, os.Chmod(name, mode))
	})
}

// swap puts a new folder in the place of the one before, in one step. Make makes what the keyset's
// name stands for in it.
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

// replace puts a file with text in the place of the one in the folder that is mounted, links as
// they are.
func (v *volume) replace(t *testing.T, text string) {
	t.Helper()
	next := filepath.Join(v.data(), "next")
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, filepath.Join(v.data(), "keyset.json")))
}

// text is what the keyset holds.
func (v *volume) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(v.path())
	require.NoError(t, err)
	return string(text)
}

// key is a key of the keyset.
func (v *volume) key(t *testing.T, kid keys.ID) keys.Key {
	t.Helper()
	ring, err := keys.ParseSet(v.text(t))
	require.NoError(t, err)
	all := ring.Keys()
	at := slices.IndexFunc(all, func(key keys.Key) bool { return key.ID() == kid })
	require.GreaterOrEqual(t, at, 0)
	return all[at]
}

// setOf is a keyset's text.
func setOf(t *testing.T, all ...keys.Key) string {
	t.Helper()
	ring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keys.FormatSet(ring)
}
