// Package arch checks the tree against the architecture: which package may import which, where fx
// may be imported, and what the top level contains.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/offload/sessiond"
)

// topLevel lists everything at the top level except dotfiles.
var topLevel = []string{
	"domain", "app", "adapters", "ports", "bootstrap", "cmd", "test",
	"go.mod", "go.sum", "Makefile", "ARCHITECTURE.md", "README.md",
}

// pure lists the packages of the standard library that the domain may import: those whose functions
// depend on their arguments only.
var pure = []string{
	"bytes", "cmp", "crypto", "crypto/ecdh", "crypto/ecdsa", "crypto/ed25519", "crypto/elliptic",
	"crypto/hkdf", "crypto/hmac", "crypto/md5", "crypto/sha1", "crypto/sha256", "crypto/sha512",
	"crypto/subtle", "embed", "encoding", "encoding/asn1", "encoding/base32", "encoding/base64", "encoding/binary", "encoding/hex", "errors", "fmt",
	"iter", "maps", "math", "math/big", "math/bits",
	"net/netip", "slices", "sort", "strconv", "strings", "sync", "time", "unicode", "unicode/utf16",
	"unicode/utf8",
}

// layer is a part of the tree and what it may import. Packages of the module are named without the
// module's path.
type layer struct {
	under string
	// allow reports whether a file in folder may import path; own is true for packages of the
	// module.
	allow func(folder, path string, own bool) bool
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// adapterOf returns the adapter that a folder belongs to: the folder itself, except that each of
// adapters/http, adapters/sessionauth, adapters/sessionclient and adapters/system is one adapter.
func adapterOf(folder string) string {
	for _, one := range []string{"adapters/http", "adapters/sessionauth", "adapters/sessionclient",
		"adapters/system"} {
		if within(folder, one) {
			return one
		}
	}
	return folder
}

// standard reports whether path belongs to the standard library: the first element of any other
// path has a dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// public is the rule for packages that are imported by other modules.
func public(folder, path string, own bool) bool {
	return own && (within(path, "domain") || path == "adapters/http/envelope" ||
		within(path, adapterOf(folder))) || !own && standard(path)
}

var layers = []layer{
	{"domain", func(_, path string, own bool) bool {
		return own && within(path, "domain") || slices.Contains(pure, path)
	}},
	// Test suites for adapters.
	{"ports/portstest", func(string, string, bool) bool { return true }},
	{"ports", func(_, path string, own bool) bool {
		return own && (within(path, "domain") || path == "ports") ||
			slices.Contains([]string{"context", "sync", "time", "net/netip"}, path)
	}},
	{"app", func(_, path string, own bool) bool {
		return own && (within(path, "domain") || path == "ports") ||
			slices.Contains([]string{"cmp", "context", "errors", "slices", "sync", "sync/atomic", "time",
				"net/netip"}, path)
	}},
	// Other services and apps import these packages, so they have no dependencies beyond the
	// standard library.
	{"adapters/http/envelope", func(_, path string, own bool) bool {
		return own && within(path, "domain") || !own && standard(path)
	}},
	{"adapters/sessionauth", public},
	{"adapters/sessionclient", public},
	{"adapters", func(folder, path string, own bool) bool {
		return !own || within(path, "domain") || path == "ports" ||
			within(path, adapterOf(folder)) || within(path, "adapters/system")
	}},
	{"bootstrap", func(_, path string, own bool) bool {
		return !own || !within(path, "cmd") && !within(path, "test")
	}},
	{"cmd", func(_, path string, own bool) bool { return !own || within(path, "bootstrap") }},
}

// file is a Go file that is not a test, and its imports.
type file struct {
	path, folder string
	imports      []string
}

func files(t *testing.T) []file {
	t.Helper()
	var found []file
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(relative),
			folder: filepath.ToSlash(filepath.Dir(relative))}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		found = append(found, f)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func TestImportTable(t *testing.T) {
	seen := map[string]int{}
	for _, f := range files(t) {
		at := slices.IndexFunc(layers, func(l layer) bool {
			return within(f.folder, l.under)
		})
		if at < 0 {
			assert.True(t, within(f.folder, "test"), "%s belongs to no layer", f.path)
			continue
		}
		seen[layers[at].under]++
		for _, path := range f.imports {
			short, own := strings.CutPrefix(path, module+"/")
			assert.True(t, layers[at].allow(f.folder, short, own), "%s may not import %s", f.path,
				path)
		}
	}
	for _, l := range layers {
		assert.NotZero(t, seen[l.under], "no file found under %s", l.under)
	}
}

func TestFxIsImportedByBootstrapOnly(t *testing.T) {
	count := 0
	for _, f := range files(t) {
		for _, path := range f.imports {
			if within(path, "go.uber.org/fx") || within(path, "go.uber.org/dig") {
				count++
				assert.Equal(t, "bootstrap", f.folder, "%s imports %s", f.path, path)
			}
		}
	}
	assert.NotZero(t, count)
}

func TestTopLevel(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	require.NoError(t, err)
	tops := map[string]bool{}
	for path := range strings.FieldsSeq(string(out)) {
		top, _, _ := strings.Cut(path, "/")
		tops[top] = true
	}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		tops[entry.Name()] = true
	}
	for top := range tops {
		assert.True(t, strings.HasPrefix(top, ".") || slices.Contains(topLevel, top),
			"%s does not belong at the top level", top)
	}
}

// TestImportTableRejects checks the table itself, on imports that it must allow or reject.
func TestImportTableRejects(t *testing.T) {
	for _, c := range []struct {
		folder, path string
		own, allowed bool
	}{
		{"domain/token", "domain/keys", true, true},
		{"domain/token", "os", false, false},
		{"domain/token", "context", false, false},
		{"domain/token", "log/slog", false, false},
		{"domain/token", "net/http", false, false},
		{"domain/token", "math/rand/v2", false, false},
		{"domain/token", "github.com/google/uuid", false, false},
		{"domain/token", "ports", true, false},
		{"ports", "app/issue", true, false},
		{"ports", "adapters/system/clock", true, false},
		{"app/issue", "ports", true, true},
		{"app/issue", "adapters/system/clock", true, false},
		{"app/issue", "net/http", false, false},
		{"app/issue", "log/slog", false, false},
		{"app/issue", "github.com/stretchr/testify/assert", false, false},
		{"adapters/http/api", "adapters/http/server", true, true},
		{"adapters/http/server", "adapters/http/envelope", true, true},
		{"adapters/http/envelope", "domain/failure", true, true},
		{"adapters/http/envelope", "net/http", false, true},
		{"adapters/http/envelope", "ports", true, false},
		{"adapters/http/envelope", "adapters/http/server", true, false},
		{"adapters/http/envelope", "github.com/dunglas/httpsfv", false, false},
		{"adapters/http/certificate", "adapters/system/follow", true, true},
		{"adapters/keys/keyset", "adapters/system/securefile", true, true},
		{"adapters/keys/keyset", "adapters/http/certificate", true, false},
		{"adapters/events/logs", "adapters/events/metrics", true, false},
		{"adapters/events/logs", "app/issue", true, false},
		{"adapters/system/clock", "bootstrap", true, false},
		{"adapters/system/follow", "adapters/system/securefile", true, true},
		{"adapters/system/follow", "ports", true, true},
		{"adapters/system/follow", "github.com/fsnotify/fsnotify", false, true},
		{"adapters/system/follow", "adapters/keys/keyset", true, false},
		{"adapters/sessionauth", "adapters/system/clock", true, false},
		{"adapters/sessionauth", "domain/token", true, true},
		{"adapters/sessionauth", "net/http", false, true},
		{"adapters/sessionauth", "adapters/http/envelope", true, true},
		{"adapters/sessionauth", "ports", true, false},
		{"adapters/sessionauth", "adapters/http/server", true, false},
		{"adapters/sessionauth", "github.com/google/uuid", false, false},
		{"adapters/sessionauth/sessionauthtest", "adapters/sessionauth", true, true},
		{"adapters/sessionauth/sessionauthtest", "github.com/stretchr/testify/require", false,
			false},
		{"adapters/sessionclient", "adapters/http/envelope", true, true},
		{"adapters/sessionclient", "domain/strict", true, true},
		{"adapters/sessionclient", "net/http", false, true},
		{"adapters/sessionclient", "adapters/sessionauth", true, false},
		{"adapters/sessionclient", "adapters/system/securefile", true, false},
		{"adapters/sessionclient", "ports", true, false},
		{"adapters/sessionclient", "golang.org/x/sys/unix", false, false},
		{"adapters/sessionauth", "adapters/sessionclient", true, false},
		{"cmd/sessiond", "adapters/cli", true, false},
	} {
		at := slices.IndexFunc(layers, func(l layer) bool {
			return within(c.folder, l.under)
		})
		require.GreaterOrEqual(t, at, 0)
		assert.Equal(t, c.allowed, layers[at].allow(c.folder, c.path, c.own), "%s importing %s",
			c.folder, c.path)
	}
}
