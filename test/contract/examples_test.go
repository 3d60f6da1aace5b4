package contract_test

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/api"
)

type object = map[string]any

// TestExamplesMatchTheirSchemas validates every example of the description.
func TestExamplesMatchTheirSchemas(t *testing.T) {
	root, err := jsonschema.UnmarshalJSON(strings.NewReader(api.Description))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("openapi.json", root))
	seen := 0
	check := func(where string, example any) {
		schema, err := compiler.Compile("openapi.json#" + where)
		require.NoError(t, err, where)
		assert.NoError(t, schema.Validate(example), where)
		seen++
	}
	var walk func(where string, value any)
	walk = func(where string, value any) {
		here, is := value.(object)
		if !is {
			return
		}
		if list, is := here["examples"].([]any); is { // of a schema
			for _, example := range list {
				check(where, example)
			}
		}
		if _, has := here["schema"]; has { // of a body or a parameter
			if example, has := here["example"]; has {
				check(where+"/schema", example)
			}
			named, _ := here["examples"].(object)
			for _, example := range named {
				check(where+"/schema", example.(object)["value"])
			}
		}
		for name, below := range here {
			walk(where+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), below)
		}
	}
	walk("", root)
	assert.Greater(t, seen, 20)
}
