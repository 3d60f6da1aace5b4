package cutover_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryBlockIsRun fails for a block of commands in the guide that no step of TestCutover runs.
// The marker "when built" is for a command that the service does not have yet: its step begins to
// run when the words are removed.
func TestEveryBlockIsRun(t *testing.T) {
	guide, err := os.ReadFile("../../../cmd/sessiond/docs/cutover.md")
	require.NoError(t, err)
	steps, err := os.ReadFile("cutover_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?m)^```console$").FindAllString(string(guide), -1)
	marked := regexp.MustCompile(`<!-- cutover(?: when built)?: (.*?) -->`).
		FindAllStringSubmatch(string(guide), -1)
	assert.Len(t, marked, len(blocks))
	for _, block := range marked {
		assert.Contains(t, string(steps), `w.run("`+block[1]+`"`)
	}
}
