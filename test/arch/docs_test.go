package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap/config"
)

// variable is a variable's name in a text. What a text leaves out, as in OFFLOAD_SESSION_…, is no
// name.
var variable = regexp.MustCompile(`\bOFFLOAD_[A-Z0-9_]*[A-Z0-9]\b`)

// known reports whether a variable, or the same with _FILE, is one that the configuration knows, or
// one of its neighbours', of which it says nothing.
func known(name string) bool {
	review := config.Load(config.Sources{
		Environ: []string{name + "=x"},
		Random:  func(n int) []byte { return make([]byte, n) },
		Now:     time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC),
	})
	return slices.ContainsFunc(review.Settings, func(of config.Setting) bool {
		return name == of.Variable || name == of.Variable+"_FILE"
	}) ||
		!slices.ContainsFunc(review.Warnings, func(of config.Warning) bool {
			return of.Variable == name
		})
}

// TestTheDocsNameVariablesThatAre fails on a variable in a Markdown file that the service would
// pass over.
func TestTheDocsNameVariablesThatAre(t *testing.T) {
	require.False(t, known("OFFLOAD_SESSION_ACTIVE_KID"))
	require.True(t, known("OFFLOAD_SESSION_SECRET_FILE"))
	require.True(t, known("OFFLOAD_AI_ANYTHING"))
	count := 0
	require.NoError(t, filepath.WalkDir(root,
		func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
				return filepath.SkipDir
			}
			if entry.IsDir() || !strings.HasSuffix(path, ".md") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, name := range variable.FindAllString(string(text), -1) {
				count++
				assert.True(t, known(name), "%s names %s, which is no variable", path, name)
			}
			return nil
		}))
	assert.NotZero(t, count)
}
