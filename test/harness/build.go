package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is the import path of the binary's package.
const program = "github.com/offload/sessiond/cmd/sessiond"

// built holds the directory of the binary, which is built once per test process.
var built struct {
	once   sync.Once
	folder string
	output []byte
	err    error
}

// Binary builds the service, once per test process, and returns the path of the executable.
// RemoveBinary removes it.
func Binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "sessiond-test-"); built.err == nil {
			built.output, built.err = exec.Command("go", "build", "-o", built.folder,
				program).CombinedOutput()
		}
	})
	require.NoError(t, built.err, "%s", built.output)
	return filepath.Join(built.folder, filepath.Base(program))
}

// RemoveBinary removes what Binary built. Call it at the end of the test process.
func RemoveBinary() error {
	if built.folder == "" {
		return nil
	}
	return os.RemoveAll(built.folder)
}
