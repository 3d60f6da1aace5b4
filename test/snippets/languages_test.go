//go:build languages

package snippets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// TestTypeScriptTypes compiles a comparison of what the page shows with what the built package
// declares: each export must have the same type in both.
func TestTypeScriptTypes(t *testing.T) {
	_, api := blocks(t, "TypeScript", "ts")
	dir, built := typeScriptFolder(t)
	writeProgram(t, dir, "shown.d.ts", api, "")
	var check strings.Builder
	check.WriteString(`import * as real from "@offload/sessionclient";
import * as shown from "./shown.js";
type Members<T> = Omit<T, "name">; // without what is private, and what each Error has
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const same = <A, B>(_: Same<A, B>) => {};
`)
	for _, export := range typeScriptExport.FindAllStringSubmatch(api, -1) {
		name := export[2]
		switch export[1] {
		case "function":
			fmt.Fprintf(&check, "same<typeof real.%[1]s, typeof shown.%[1]s>(true);\n", name)
		case "class":
			fmt.Fprintf(&check, "same<ConstructorParameters<typeof real.%[1]s>,"+
				" ConstructorParameters<typeof shown.%[1]s>>(true);\n", name)
			fallthrough
		default:
			fmt.Fprintf(&check, "same<Members<real.%[1]s>, Members<shown.%[1]s>>(true);\n", name)
		}
	}
	writeProgram(t, dir, "check.ts", check.String(), "")
	run(t, dir, nil, "node", filepath.Join(built, "node_modules", "typescript", "bin", "tsc"),
		"--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib",
		"es2022,dom", "check.ts")
}

// typeScriptFolder returns a folder for programs that import the built package, and the folder of
// the package.
func typeScriptFolder(t *testing.T) (dir, built string) {
	t.Helper()
	dir = t.TempDir()
	writeProgram(t, dir, "package.json", `{"type":"module"}`, "")
	built = tool(t, "sessionclient-typescript", "test/clients-typescript.sh")
	modules := filepath.Join(dir, "node_modules", "@offload")
	require.NoError(t, os.MkdirAll(modules, 0o700))
	require.NoError(t, os.Symlink(built, filepath.Join(modules, "sessionclient")))
	return dir, built
}

// TestTypeScriptProgram compiles the program in strict mode against the built package, and runs it.
func TestTypeScriptProgram(t *testing.T) {
	service := harness.Serve(t, nil)
	program, _ := blocks(t, "TypeScript", "ts")
	dir, built := typeScriptFolder(t)
	writeProgram(t, dir, "main.ts", program, service.Public)
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
