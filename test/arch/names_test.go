package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variableTable is the file with the table of variables. neighbours is the file with the variables
// of other services.
const (
	variableTable = "bootstrap/config/fields.go"
	neighbours    = "bootstrap/config/names.go"
	// examples sets variables as an operator does. test/deploy starts the service with them.
	examples = "cmd/sessiond/deploy"
)

// TestVariableNamesAreWrittenOnce fails on a string that contains the name of a variable outside
// the table, and on a name that the table contains twice.
func TestVariableNamesAreWrittenOnce(t *testing.T) {
	seen := map[string]int{}
	for _, f := range files(t) {
		if within(f.folder, "test") || within(f.folder, examples) || f.path == neighbours {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f.path), nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			for _, name := range variable.FindAllString(text, -1) {
				seen[name]++
				assert.Equal(t, variableTable, f.path, "%s contains %s", f.path, name)
			}
			return true
		})
	}
	require.NotEmpty(t, seen)
	for name, times := range seen {
		assert.Equal(t, 1, times, "%s appears %d times in %s", name, times, variableTable)
	}
}
