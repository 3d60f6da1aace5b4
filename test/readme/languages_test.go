//go:build languages

package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// found is a program of this machine.
func found(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is needed: make test-long says so", name)
	return path
}

func TestCurl(t *testing.T) {
	found(t, "curl")
	where := folder(t, "client.sh", snippet(t, "sh"), "main.sh")
	loop{
		program: []string{found(t, "sh"), "main.sh"}, folder: where,
		stored: func(state string) string { return filepath.Join(state, "bearer") },
	}.holds(t)
}

func TestPython(t *testing.T) {
	where := folder(t, "client.py", snippet(t, "python"), "main.py")
	loop{
		program: []string{found(t, "python3"), "-W", "error", "main.py"}, folder: where,
		stored: func(state string) string { return filepath.Join(state, "session") },
	}.holds(t)
}

// compiled is a folder with the TypeScript client, compiled strictly, and the files of testdata that are named.
func compiled(t *testing.T, beside ...string) string {
	t.Helper()
	where := folder(t, "client.ts", snippet(t, "ts"), beside...)
	modules, err := filepath.Abs(filepath.Join("..", "..", ".tools", "readme-typescript",
		"node_modules"))
	require.NoError(t, err)
	require.DirExists(t, modules, "test/languages.sh brings TypeScript's compiler")
	require.NoError(t, os.Symlink(modules, filepath.Join(where, "node_modules")))
	for _, file := range []string{"tsconfig.json", "package.json"} {
		text, err := os.ReadFile(filepath.Join("typescript", file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(where, file), text, 0o600))
	}
	compile := exec.Command(found(t, "node"), filepath.Join(modules, "typescript", "bin", "tsc"))
	compile.Dir = where
	output, err := compile.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return where
}

// TestTypeScript runs the client under Node.
func TestTypeScript(t *testing.T) {
	where := compiled(t, "main.ts")
	loop{
		program: []string{found(t, "node"), "main.js"}, folder: where,
		stored: func(state string) string { return filepath.Join(state, "session") },
	}.holds(t)
}
