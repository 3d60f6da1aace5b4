package keyset

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// TestWhatKilledWritersLeftIsSweptByAnyChange: it holds keys, so it goes even where the change
// comes to nothing; what merely has such a name and is no file stays.
func TestWhatKilledWritersLeftIsSweptByAnyChange(t *testing.T) {
	folder := sharedFolder(t)
	path := filepath.Join(folder, "keyset.json")
	write(t, path, textOf(t, "first"), 0o600)
	write(t, filepath.Join(folder, ".keyset.json.next"), textOf(t, "left"), 0o600)
	write(t, filepath.Join(folder, "..keyset.json.next123"), textOf(t, "left"), 0o600)
	write(t, filepath.Join(folder, "keyset.json.2026"), textOf(t, "copy"), 0o600)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "..keyset.json.nextdir"), 0o700))
	require.NoError(t, NewStore(path).Update(t.Context(),
		func(keyring *keys.Keyring) (*keys.Keyring, error) { return keyring, nil }))
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	assert.Equal(t, []string{"..keyset.json.nextdir", "keyset.json", "keyset.json.2026"}, names)
}
