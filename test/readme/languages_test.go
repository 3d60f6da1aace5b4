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

// TestTypeScript compiles the client strictly, and runs it under Node.
func TestTypeScript(t *testing.T) {
	where := folder(t, "client.ts", snippet(t, "ts"), "main.ts")
	tools, err := filepath.Abs(filepath.Join("..", "..", ".tools", "readme-typescript"))
	require.NoError(t, err)
	modules := filepath.Join(tools, "node_modules")
	require.DirExists(t, modules, "test/languages.sh brings TypeScript's compiler")
	require.NoError(t, os.Symlink(modules, filepath.Join(where, "node_modules")))
	for _, file := range []string{"tsconfig.json", "package.json"} {
		text, err := os.ReadFile(filepath.Join("typescript", file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(where, file), text, 0o600))
	}
	node := found(t, "node")
	compile := exec.Command(node, filepath.Join(modules, "typescript", "bin", "tsc"))
	compile.Dir = where
	output, err := compile.CombinedOutput()
	require.NoError(t, err, "%s", output)
	loop{
		program: []string{node, "main.js"}, folder: where,
		stored: func(state string) string { return filepath.Join(state, "session") },
	}.holds(t)
}
