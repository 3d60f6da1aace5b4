package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImportersRequireNothingElse tidies a module that imports sessionauth, and its helper for
// tests: it must require this module alone, and compile no other.
func TestImportersRequireNothingElse(t *testing.T) {
	here, err := filepath.Abs(root)
	require.NoError(t, err)
	folder := t.TempDir()
	const required = "module example.com/importer\n\ngo 1.26.0\n\nrequire " + module + " v0.0.0\n\n"
	replaced := "replace " + module + " => " + here + "\n"
	for name, text := range map[string]string{
		"go.mod":       required + replaced,
		"main.go":      "package main\n\nimport _ \"" + module + "/adapters/sessionauth\"\n\nfunc main() {}\n",
		"main_test.go": "package main\n\nimport _ \"" + module + "/adapters/sessionauth/sessionauthtest\"\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	run := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = folder
		// What is needed was downloaded for the tests of this module.
		command.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), output)
		return string(output)
	}
	run("mod", "tidy")
	tidied, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	assert.Equal(t, required+replaced, string(tidied))
	// Packages of the standard library have no module.
	modules := run("list", "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	for path := range strings.FieldsSeq(modules) {
		assert.Contains(t, []string{module, "example.com/importer"}, path)
	}
}
