package cutover_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryBlockIsRun fails for a block of commands in the guide that TestCutover cannot run,
// because it has no name.
func TestEveryBlockIsRun(t *testing.T) {
	guide, err := os.ReadFile("../../../cmd/sessiond/docs/cutover.md")
	require.NoError(t, err)
	assert.Len(t, blocks(string(guide)), len(regexp.MustCompile("(?m)^```").FindAllString(string(guide),
		-1))/2)
}

// blocks returns the names of the blocks of commands in the guide.
func blocks(guide string) []string {
	var names []string
	for _, block := range regexp.MustCompile("<!-- cutover: (.*?) -->\n\n```console\n").
		FindAllStringSubmatch(guide, -1) {
		names = append(names, block[1])
	}
	return names
}
