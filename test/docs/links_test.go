package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// pages returns every page, by its path from the root.
func pages(t *testing.T) map[string]Page {
	t.Helper()
	all := map[string]Page{}
	for _, pattern := range []string{"*.md", ".github/*.md", "cmd/sessiond/docs/*.md",
		"adapters/sessionauth/python/*.md", "adapters/sessionclient/*.md",
		"adapters/sessionclient/*/README.md",
		"test/bench/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, path := range found {
			page, err := Read(path)
			require.NoError(t, err)
			name, err := filepath.Rel(root, path)
			require.NoError(t, err)
			all[name] = page
		}
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks follows every relative link to its file and heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	checked := 0
	for name, page := range all {
		for _, match := range link.FindAllStringSubmatch(page.Text, -1) {
			path, fragment, _ := strings.Cut(match[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			_, err := os.Stat(filepath.Join(root, target))
			assert.NoError(t, err, "%s links to %s", name, match[1])
			if fragment != "" {
				assert.True(t, slices.Contains(all[target].Headings, fragment),
					"%s links to %s, which has no such heading", name, match[1])
			}
			checked++
		}
	}
	assert.Greater(t, checked, 50)
}

// TestContents checks that each operator page lists its sections at its top, in their order.
func TestContents(t *testing.T) {
	for name, page := range pages(t) {
		if filepath.Dir(name) != "cmd/sessiond/docs" {
			continue
		}
		sections := regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(
			fenced.ReplaceAllString(page.Text, ""), -1)
		listed := regexp.MustCompile(`(?m)^- \[(.+)\]\(#`).FindAllStringSubmatch(page.Text, -1)
		var want, got []string
		for _, section := range sections {
			want = append(want, section[1])
		}
		for _, entry := range listed {
			got = append(got, entry[1])
		}
		require.NotEmpty(t, want, name)
		assert.Equal(t, want, got, name)
	}
}

// namedPath matches a path of the tree in backticks.
var namedPath = regexp.MustCompile("`((?:domain|ports|app|adapters|bootstrap|cmd|test)/[^` ]+)`")

// TestPathsExist checks the paths that ARCHITECTURE.md, README.md and CONTRIBUTING.md name.
func TestPathsExist(t *testing.T) {
	all := pages(t)
	checked := 0
	for _, name := range []string{"ARCHITECTURE.md", "README.md", ".github/CONTRIBUTING.md"} {
		for _, match := range namedPath.FindAllStringSubmatch(all[name].Text, -1) {
			if strings.Contains(match[1], "NAME") {
				continue
			}
			_, err := os.Stat(filepath.Join(root, match[1]))
			assert.NoError(t, err, "%s names %s", name, match[1])
			checked++
		}
	}
	assert.Greater(t, checked, 50)
}

// TestReadmeIsShort holds README.md to what a reader takes in at once.
func TestReadmeIsShort(t *testing.T) {
	assert.LessOrEqual(t, strings.Count(pages(t)["README.md"].Text, "\n"), 250)
}
