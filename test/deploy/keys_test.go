package deploy

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// createKeyset returns a keyset whose only key signs.
func createKeyset(t *testing.T) []byte {
	t.Helper()
	return []byte(harness.KeysetText(t, harness.HS256Key("k1", harness.StrongSecret,
		time.Now().Add(-time.Hour))))
}

// publicBinary returns the path of the service's binary in a folder that every user can enter.
func publicBinary(t *testing.T, folder string) string {
	t.Helper()
	source, err := os.Open(harness.Binary(t))
	require.NoError(t, err)
	defer func() { _ = source.Close() }()
	path := filepath.Join(folder, "sessiond")
	target, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(target, source)
	require.NoError(t, err)
	require.NoError(t, target.Close())
	return path
}
