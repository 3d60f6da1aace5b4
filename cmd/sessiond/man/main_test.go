package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPages writes the manual pages: one for each command, with its flags, and the variables that
// have no flag in the first.
func TestPages(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, write(folder))
	for name, holds := range map[string]string{
		"sessiond.8":             `OFFLOAD\_SESSION\_SECRET`,
		"sessiond-serve.8":       `\-\-http\-addr`,
		"sessiond-check.8":       `\-\-strict`,
		"sessiond-keys-rotate.8": `\-\-sign\-after`,
	} {
		page, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		plain := strings.NewReplacer(`\-`, "-", `\_`, "_")
		assert.Contains(t, plain.Replace(string(page)), plain.Replace(holds), name)
	}
}
