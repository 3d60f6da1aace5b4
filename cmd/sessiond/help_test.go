package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap"
)

// TestHelp reads the help of every command: it fits 80 columns, and says what each flag takes.
func TestHelp(t *testing.T) {
	seen := 0
	var visit func(path []string)
	visit = func(path []string) {
		seen++
		var out, errors strings.Builder
		status := bootstrap.Run(append(path, "--help"), nil, &out, &errors)
		require.Zero(t, status, "%s: %s", path, errors.String())
		commands := false
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			assert.LessOrEqual(t, utf8.RuneCountInString(line), 80, "%s: %s", path, line)
			assert.Equal(t, strings.TrimRight(line, " "), line, "%s: %s", path, line)
			switch {
			case line == "Commands:":
				commands = true
			case line == "":
				commands = false
			case commands && line[2] != ' ':
				if name := strings.Fields(line)[0]; name != "help" {
					visit(append(append([]string{}, path...), name))
				}
			}
		}
	}
	visit(nil)
	assert.Greater(t, seen, 12, "commands")
}
