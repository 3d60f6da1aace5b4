//go:build languages

package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// lookPath returns the path of a program of this machine.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is not installed: run make test-long, which installs it", name)
	return path
}

func TestCurl(t *testing.T) {
	lookPath(t, "curl")
	testClient(t, program{
		command: []string{lookPath(t, "sh"), "main.sh"},
		dir:     writeFiles(t, "client.sh", snippet(t, "sh"), "main.sh"),
		store:   func(state string) string { return filepath.Join(state, "bearer") },
	})
}

func TestPython(t *testing.T) {
	testClient(t, program{
		command: []string{lookPath(t, "python3"), "-W", "error", "main.py"},
		dir:     writeFiles(t, "client.py", snippet(t, "python"), "main.py"),
		store:   func(state string) string { return filepath.Join(state, "session") },
	})
}

// TestTypeScript runs the client under Node.
func TestTypeScript(t *testing.T) {
	testClient(t, program{
		command: []string{lookPath(t, "node"), "main.js"},
		dir:     compileTypeScript(t, "main.ts"),
		store:   func(state string) string { return filepath.Join(state, "session") },
	})
}

// compileTypeScript returns a directory with the TypeScript client, compiled in strict mode, and
// with copies of the named files of testdata.
func compileTypeScript(t *testing.T, testdata ...string) string {
	t.Helper()
	dir := writeFiles(t, "client.ts", snippet(t, "ts"), testdata...)
	modules, err := filepath.Abs(filepath.Join("..", "..", ".tools", "readme-typescript",
		"node_modules"))
	require.NoError(t, err)
	require.DirExists(t, modules, "test/languages.sh installs the TypeScript compiler there")
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	for _, file := range []string{"tsconfig.json", "package.json"} {
		text, err := os.ReadFile(filepath.Join("typescript", file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
	}
	compile := exec.Command(lookPath(t, "node"), filepath.Join(modules, "typescript", "bin", "tsc"))
	compile.Dir = dir
	output, err := compile.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return dir
}
