package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patterns returns the lines of an ignore file without comments.
func patterns(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	var list []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}

// TestDockerIgnoresWhatGitIgnores compares the two lists: what must not be committed must not reach
// a layer of a build either. In Docker's, a pattern without a folder is one of the top level.
func TestDockerIgnoresWhatGitIgnores(t *testing.T) {
	var wanted []string
	for _, pattern := range patterns(t, ".gitignore") {
		pattern = strings.TrimSuffix(pattern, "/")
		switch rest, anchored := strings.CutPrefix(pattern, "/"); {
		case anchored:
			pattern = rest
		case !strings.Contains(pattern, "/"):
			pattern = "**/" + pattern
		}
		wanted = append(wanted, pattern)
	}
	require.NotEmpty(t, wanted)
	assert.Equal(t, wanted, patterns(t, ".dockerignore"))
}
