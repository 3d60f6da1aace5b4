package snippets_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	page     = "../../cmd/sessiond/docs/clients.md"
	packages = "../../adapters/sessionclient"
)

// blocks returns the blocks of code in a section of the page: a program, and the whole API.
func blocks(t *testing.T, heading, language string) (program, api string) {
	t.Helper()
	_, section, found := strings.Cut(read(t, page), "\n## "+heading+"\n")
	require.True(t, found, "%s has no section %s", page, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	block := regexp.MustCompile("(?s)\n```" + language + "\n(.*?\n)```\n")
	both := block.FindAllStringSubmatch(section, -1)
	require.Len(t, both, 2, "the section %s must show a program and the API", heading)
	return both[0][1], both[1][1]
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	require.NoError(t, err)
	return string(text)
}

// readAll returns the texts of the files that match a pattern.
func readAll(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.FromSlash(pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	texts := make([]string, 0, len(paths))
	for _, path := range paths {
		texts = append(texts, read(t, path))
	}
	return texts
}

// oneLine joins the lines of a declaration.
func oneLine(declaration string) string {
	joined := strings.Join(strings.Fields(declaration), " ")
	return strings.NewReplacer("( ", "(", ", )", ")", " )", ")").Replace(joined)
}
