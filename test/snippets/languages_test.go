//go:build languages

package snippets_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// tool returns the path of what a script has installed in .tools.
func tool(t *testing.T, path, script string) string {
	t.Helper()
	found, err := filepath.Abs(filepath.Join("..", "..", ".tools", filepath.FromSlash(path)))
	require.NoError(t, err)
	_, err = os.Stat(found)
	require.NoError(t, err, "run %s, which installs it", script)
	return found
}

// TestTypeScriptProgram compiles the program in strict mode against the built package, and runs it.
func TestTypeScriptProgram(t *testing.T) {
	service := harness.Serve(t, nil)
	program, _ := blocks(t, "TypeScript", "ts")
	dir := t.TempDir()
	writeProgram(t, dir, "main.ts", program, service.Public)
	writeProgram(t, dir, "package.json", `{"type":"module"}`, "")
	built := tool(t, "sessionclient-typescript", "test/clients-typescript.sh")
	modules := filepath.Join(dir, "node_modules", "@offload")
	require.NoError(t, os.MkdirAll(modules, 0o700))
	require.NoError(t, os.Symlink(built, filepath.Join(modules, "sessionclient")))
	run(t, dir, nil, "node", filepath.Join(built, "node_modules", "typescript", "bin", "tsc"),
		"--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom",
		"main.ts")
	assert.Equal(t, "200\n", run(t, dir, nil, "node", "main.js"))
	assertIssued(t, service, 1)
}

// TestPythonProgram runs the program twice: the file keeps the session.
func TestPythonProgram(t *testing.T) {
	service := harness.Serve(t, nil)
	program, _ := blocks(t, "Python", "python")
	dir := t.TempDir()
	writeProgram(t, dir, "main.py", program, service.Public)
	python := tool(t, "python/bin/python", "test/python.sh")
	modules, err := filepath.Abs(filepath.FromSlash(packages + "/python"))
	require.NoError(t, err)
	for range 2 {
		assert.Equal(t, "200\n", run(t, dir, []string{"PYTHONPATH=" + modules,
			"PYTHONDONTWRITEBYTECODE=1"}, python, "-W", "error", "main.py"))
	}
	assertIssued(t, service, 1)
}
