package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/api"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
)

type object = map[string]any

// described returns the description, decoded from JSON.
func described(t *testing.T) object {
	t.Helper()
	var document object
	require.NoError(t, json.Unmarshal([]byte(api.Description), &document))
	return document
}

// at returns the value at the path names, following references on the way.
func at(t *testing.T, document, from object, names ...string) object {
	t.Helper()
	for _, name := range names {
		next, ok := from[name].(object)
		require.True(t, ok, "%s is missing", name)
		if reference, is := next["$ref"].(string); is {
			next = at(t, document, document, strings.Split(strings.TrimPrefix(reference, "#/"),
				"/")...)
		}
		from = next
	}
	return from
}

func TestServesDescription(t *testing.T) {
	response := newTestAPI().do(get("/openapi.json"))
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, api.Description, text(t, response))
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	assert.Equal(t, []string{"public, max-age=300"}, response.Header.Values("Cache-Control"))
	tag := response.Header.Get("ETag")
	require.Regexp(t, `^"[^",]+"$`, tag)
	kept := newTestAPI().do(get("/openapi.json", "If-None-Match", tag))
	assert.Equal(t, 304, kept.StatusCode)
	assert.Empty(t, text(t, kept))
	head := get("/openapi.json")
	head.Method = http.MethodHead
	assert.Equal(t, 200, newTestAPI().do(head).StatusCode)
	head.Method = http.MethodPost
	assert.Equal(t, 405, newTestAPI().do(head).StatusCode)
}

// TestDescriptionMatchesRoutes checks that each route is described with all of its methods, and
// that nothing else is described.
func TestDescriptionMatchesRoutes(t *testing.T) {
	every := []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}
	served := map[string][]string{}
	for _, route := range newTestAPI().api.Routes() {
		methods := every // any
		if len(route.Methods) > 0 {
			methods = nil
			for _, method := range route.Methods {
				methods = append(methods, strings.ToLower(method))
			}
			if slices.Contains(methods, "get") {
				methods = append(methods, "head")
			}
		}
		served[route.Pattern] = methods
		if route.Subtree {
			served[route.Pattern+"/{path}"] = methods
		}
	}
	document, ids := described(t), map[string]bool{}
	for path, item := range document["paths"].(object) {
		methods, known := served[path]
		assert.True(t, known, "%s is no route", path)
		delete(served, path)
		has := slices.DeleteFunc(slices.Collect(maps.Keys(item.(object))), func(name string) bool {
			return name == "parameters" || name == "description"
		})
		assert.ElementsMatch(t, methods, has, path)
		for _, method := range has {
			id, _ := at(t, document, item.(object), method)["operationId"].(string)
			assert.NotEmpty(t, id)
			assert.False(t, ids[id], "%s stands twice", id)
			ids[id] = true
		}
	}
	assert.Empty(t, served, "routes that are not described")
}

// TestDescriptionMatchesErrors checks that each kind of failure is described once with its code
// and message, and that nothing else is described.
func TestDescriptionMatchesErrors(t *testing.T) {
	want := map[string]string{}
	for _, kind := range failure.Kinds() {
		want[kind.Code()] = kind.Message()
	}
	document := described(t)
	got := map[string]string{}
	for name := range at(t, document, document, "components", "schemas") {
		if !strings.HasSuffix(name, "Problem") {
			continue
		}
		problem := at(t, document, document, "components", "schemas", name)
		code := at(t, document, problem, "properties", "code")["const"].(string)
		assert.NotContains(t, got, code)
		got[code] = at(t, document, problem, "properties", "message")["const"].(string)
		assert.Equal(t, false, problem["additionalProperties"], name)
		members := []any{"code", "message", "request_id"}
		if code == failure.Validation.Code() {
			members = append(members, "details")
		}
		assert.Equal(t, members, problem["required"], name)
		assert.Len(t, problem["properties"], len(members), name)
	}
	assert.Equal(t, want, got)
}

// TestDescriptionRepeatsCodeInHeader checks that the code of each error response is the same in
// X-Error-Code as in the body.
func TestDescriptionRepeatsCodeInHeader(t *testing.T) {
	document := described(t)
	seen := map[string]bool{}
	proofs := []string{failure.InvalidProof.Code(), failure.ProofNonceRequired.Code()}
	for name := range at(t, document, document, "components", "responses") {
		response := at(t, document, document, "components", "responses", name)
		headers, _ := response["headers"].(object)
		if _, is := headers["X-Error-Code"]; !is {
			continue
		}
		inHeader := words(at(t, document, response, "headers", "X-Error-Code", "schema"))
		problem := at(t, document, response, "content", "application/json", "schema", "properties",
			"error")
		inBody := []string{}
		if choices, is := problem["oneOf"].([]any); is {
			for _, choice := range choices {
				inBody = append(inBody, words(at(t, document,
					at(t, document, object{"x": choice}, "x"), "properties", "code"))...)
			}
		} else {
			inBody = words(at(t, document, problem, "properties", "code"))
		}
		assert.Equal(t, inBody, inHeader, name)
		for _, code := range inBody {
			// What is wrong with a proof is answered on two paths, of which one has further codes.
			assert.True(t, !seen[code] || slices.Contains(proofs, code), "%s is answered twice", code)
			seen[code] = true
		}
	}
	assert.Len(t, seen, len(failure.Kinds()))
}

// words returns the values that a schema allows.
func words(schema object) []string {
	if one, is := schema["const"].(string); is {
		return []string{one}
	}
	var all []string
	for _, one := range schema["enum"].([]any) {
		all = append(all, one.(string))
	}
	return all
}

func TestDescriptionMatchesRules(t *testing.T) {
	document := described(t)
	violation := at(t, document, document, "components", "schemas", "Violation")
	assert.Equal(t, []string{
		string(session.FieldInstallID), string(session.FieldAppVersion),
		string(session.FieldPlatform), string(session.FieldBody),
	}, words(at(t, document, violation, "properties", "field")))
	assert.Equal(t, []string{
		string(session.RuleRequired), string(session.RuleType), string(session.RuleLength),
		string(session.RuleCharacters),
		string(session.RuleBlank), string(session.RuleJSON), string(session.RuleDuplicate),
	}, words(at(t, document, violation, "properties", "rule")))
	id, label := at(t, document, document, "components", "schemas", "InstallId"),
		at(t, document, document, "components", "schemas", "Label")
	assert.EqualValues(t, session.MinInstallID, id["minLength"])
	assert.EqualValues(t, session.MaxInstallID, id["maxLength"])
	assert.EqualValues(t, session.MinLabel, label["minLength"])
	assert.EqualValues(t, session.MaxLabel, label["maxLength"])
}
