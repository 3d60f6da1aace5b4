package contract_test

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/api"
)

// metaSchema is the schema of OpenAPI 3.1 documents, as published under the Apache License 2.0 at
// https://spec.openapis.org/oas/3.1/schema/2022-10-07.
//
//go:embed testdata/openapi-3.1-schema.json
var metaSchema string

// TestDescriptionIsOpenAPI validates the description itself.
func TestDescriptionIsOpenAPI(t *testing.T) {
	meta, err := jsonschema.UnmarshalJSON(strings.NewReader(metaSchema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("schema.json", meta))
	schema, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	document := func(text string) any {
		parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		return parsed
	}
	require.NoError(t, schema.Validate(document(api.Description)))
	wrong := strings.Replace(api.Description, `"responses"`, `"response"`, 1)
	require.Error(t, schema.Validate(document(wrong)), "a misspelt member is found")
}
