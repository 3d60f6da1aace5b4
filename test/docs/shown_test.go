package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compareJSON reports whether a page shows a JSON object, and holds output to its members.
func compareJSON(t *testing.T, command, shown, output string) bool {
	t.Helper()
	var want, got map[string]any
	if json.Unmarshal([]byte(shown), &want) != nil {
		return false
	}
	body := output[max(0, strings.LastIndex(output, "\n{")):] // after curl's progress
	require.NoError(t, json.Unmarshal([]byte(body), &got), "%s\n%s", command, output)
	for name := range want {
		assert.Contains(t, got, name, command)
	}
	assert.Len(t, got, len(want), command)
	return true
}

// transcript compares what a whole page shows with what was printed: every line, apart from times,
// the names of keys, and what the page leaves out as "…". A line "…" stands for any lines.
type transcript struct {
	shown, printed names
}

// names numbers the ids of keys by their first appearance, so that a page which confuses two keys
// does not pass.
type names map[string]string

var (
	keyID   = regexp.MustCompile(`\bhs-\d{4}-\d\d-\d\d-[a-z0-9]{5}\b`)
	instant = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// plain returns text with the names in place of ids and times.
func (n names) plain(text string) string {
	text = keyID.ReplaceAllStringFunc(text, func(id string) string {
		if n[id] == "" {
			n[id] = fmt.Sprintf("KEY-%d", len(n)+1)
		}
		return n[id]
	})
	return instant.ReplaceAllString(text, "TIME")
}

// compare holds output to what the page shows after a command, if it shows anything.
func (c transcript) compare(t *testing.T, command, shown, output string) {
	t.Helper()
	if shown == "" || compareJSON(t, command, shown, output) {
		return
	}
	want, got := c.shown.plain(strings.TrimSpace(shown)), c.printed.plain(strings.TrimSpace(output))
	var pattern strings.Builder
	for line := range strings.SplitSeq(want, "\n") {
		if line == "…" {
			pattern.WriteString(`(?:.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `.+`) + `\n`)
	}
	if !regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(got + "\n") {
		// Equal fails here, and shows the lines that differ.
		assert.Equal(t, want, got, command)
	}
}
