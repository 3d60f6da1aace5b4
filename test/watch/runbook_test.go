package watch

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
	"github.com/offload/sessiond/ports"
)

// The pages that tests of this package read.
const (
	runbookPage    = root + "/cmd/sessiond/docs/runbook.md"
	operationsPage = root + "/cmd/sessiond/docs/operations.md"
)

// section returns the text of a page under a heading of the second level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n## "+heading+"\n")
	require.True(t, found, "%s has no section %s", page, heading)
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// quoted matches a word in backticks.
var quoted = regexp.MustCompile("`([^`]+)`")

// words returns the words in backticks in a text.
func words(text string) []string {
	var found []string
	for _, word := range quoted.FindAllStringSubmatch(text, -1) {
		found = append(found, word[1])
	}
	return found
}

// column returns the words in backticks in the first column of the tables of a section.
func column(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && cells[0] == "" {
			found = append(found, words(cells[1])...)
		}
	}
	return found
}

// TestRunbookHasEveryAlert compares the headings with the rules. Each has the four answers.
func TestRunbookHasEveryAlert(t *testing.T) {
	t.Parallel()
	var entries []string
	for _, entry := range strings.Split(section(t, runbookPage, "Alerts"), "\n### ")[1:] {
		name, body, _ := strings.Cut(entry, "\n")
		entries = append(entries, name)
		for _, answer := range []string{"- **Meaning**: ", "- **Users** ", "- **Do**: ",
			"- **It worked** when "} {
			assert.Contains(t, strings.ReplaceAll(body, "**Users**: ", "**Users** "), "\n"+answer, name)
		}
	}
	var names []string
	for name := range alerts(t) {
		names = append(names, name)
	}
	assert.ElementsMatch(t, names, entries)
}

// logged matches where the code names an event of the log.
var logged = regexp.MustCompile(`event\w+ += "([a-z_]+)"|(?:slog\.Level\w+|level), "([a-z_]+)"|` +
	`Logger\.(?:Debug|Info|Warn|Error)\("([a-z_]+)"|"event":"([a-z_]+)"`)

// suffix matches what follows the name of a material in the names of its events.
var suffix = regexp.MustCompile(`suffix\w+ += "(_[a-z_]+)"`)

// events returns the names of all events that the code logs.
func events(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, folder := range []string{"adapters", "bootstrap"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder),
			func(path string, _ fs.DirEntry, err error) error {
				if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
					return err
				}
				text, err := os.ReadFile(path)
				for _, match := range logged.FindAllStringSubmatch(string(text), -1) {
					found = append(found, strings.Join(match[1:], ""))
				}
				for _, match := range suffix.FindAllStringSubmatch(string(text), -1) {
					for _, material := range ports.Materials() {
						found = append(found, string(material)+match[1])
					}
				}
				return err
			}))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestRunbookHasEveryEvent compares the table of events with the code.
func TestRunbookHasEveryEvent(t *testing.T) {
	t.Parallel()
	known := events(t)
	assert.Contains(t, known, "http_request")
	assert.Contains(t, known, "service_stopped")
	assert.Contains(t, known, "log_lines_left_out")
	assert.ElementsMatch(t, known, column(section(t, runbookPage, "Log events")))
}

// problem matches the text of a fault that any file can have.
var problem = regexp.MustCompile(`Problem: +"([^"]+)"`)

// TestRunbookHasEveryFaultOfAFile compares the table of what can be wrong with a file with the
// code. A number in a message is … on the page.
func TestRunbookHasEveryFaultOfAFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/adapters/system/securefile/fault.go")
	require.NoError(t, err)
	page := section(t, runbookPage, "It does not start")
	faults := problem.FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(faults), 8)
	for _, fault := range faults {
		assert.Contains(t, page, "\n| "+fault[1])
	}
}

// TestRunbookHasEveryVariable checks that a row of the table of what can be wrong with variables is
// about each variable: it names it, or the beginning of its name.
func TestRunbookHasEveryVariable(t *testing.T) {
	t.Parallel()
	rows := column(section(t, runbookPage, "It does not start"))
	review := config.Load(config.Sources{Random: func(n int) []byte { return make([]byte, n) },
		Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)})
	require.NotEmpty(t, review.Settings)
	for _, setting := range review.Settings {
		assert.True(t, slices.ContainsFunc(rows, func(row string) bool {
			start, whole := strings.CutSuffix(row, "…")
			return row == setting.Variable || whole && strings.HasPrefix(setting.Variable, start)
		}), setting.Variable)
	}
}
