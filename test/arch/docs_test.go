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

// variable matches the name of a variable. An abbreviation such as OFFLOAD_SESSION_… does not
// match.
var variable = regexp.MustCompile(`\bOFFLOAD_[A-Z0-9_]*[A-Z0-9]\b`)

// known reports whether the configuration knows a variable, with or without _FILE, or does not warn
// about it because it belongs to a neighboring service.
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

// TestDocsNameExistingVariables fails on a variable in a Markdown file that the service would
// ignore.
func TestDocsNameExistingVariables(t *testing.T) {
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
				assert.True(t, known(name), "%s names %s, which is not a variable", path, name)
			}
			return nil
		}))
	assert.NotZero(t, count)
}
