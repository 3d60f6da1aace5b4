package marked_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/marked"
)

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(file,
		[]byte("before\n<!-- siege:begin -->\nold\n<!-- siege:end -->\nafter\n"), 0o600))
	text, err := marked.Text(file, "siege")
	require.NoError(t, err)
	assert.Equal(t, "old\n", text)
	for range 2 { // the marks stay
		require.NoError(t, marked.Replace(file, "siege", "new\n"))
		page, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, "before\n<!-- siege:begin -->\n\nnew\n\n<!-- siege:end -->\nafter\n",
			string(page))
	}
	text, err = marked.Text(file, "siege")
	require.NoError(t, err)
	assert.Equal(t, "new\n", text)

	_, err = marked.Text(file, "sizing")
	require.ErrorContains(t, err, "sizing:begin")
	require.ErrorContains(t, marked.Replace(file, "sizing", "other\n"), "sizing:begin")
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(page), "new", "a page without marks is left alone")
}
