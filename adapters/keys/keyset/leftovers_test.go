package keyset

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// TestUpdateWithoutChangeRemovesLeftovers checks that the files of killed writers are removed even
// if nothing is written, because they contain keys. A directory with such a name stays.
func TestUpdateWithoutChangeRemovesLeftovers(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	write(t, path, keysetText(t, "first"), 0o600)
	write(t, filepath.Join(dir, ".keyset.json.next"), keysetText(t, "leftover"), 0o600)
	write(t, filepath.Join(dir, "..keyset.json.next123"), keysetText(t, "leftover"), 0o600)
	write(t, filepath.Join(dir, "keyset.json.2026"), keysetText(t, "copy"), 0o600)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "..keyset.json.nextdir"), 0o700))
	require.NoError(t, NewStore(path).Update(t.Context(),
		func(keyring *keys.Keyring) (*keys.Keyring, error) { return keyring, nil }))
	assert.Equal(t, []string{"..keyset.json.nextdir", "keyset.json", "keyset.json.2026"},
		names(t, dir))
}
