package contract

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// resource is the name under which the JSON Schema library knows the description.
const resource = "openapi.json"

// reader compiles the schemas of a description. A place in the document is given as the names on
// the way to it. The reader keeps the first error.
type reader struct {
	root     object
	compiler *jsonschema.Compiler
	err      error
}

// at returns the value at a place, and its place after following references.
func (r *reader) at(place []string) (object, []string) {
	var value any = r.root
	for _, name := range place {
		value = value.(object)[name]
	}
	found, _ := value.(object)
	if reference, ok := found["$ref"].(string); ok {
		return r.at(strings.Split(strings.TrimPrefix(reference, "#/"), "/"))
	}
	return found, place
}

// below returns the place of a member of the value at place.
func below(place []string, names ...string) []string {
	return append(append([]string{}, place...), names...)
}

// answers returns, by status, what the responses at a place may contain.
func (r *reader) answers(place []string) map[int]described {
	all := map[int]described{}
	found, place := r.at(place)
	for text := range found {
		status, err := strconv.Atoi(text)
		if err != nil {
			continue // "default" or a range; the description has neither
		}
		answer, at := r.at(below(place, text))
		own := described{headers: map[string]header{}, content: r.content(at)}
		headers, _ := answer["headers"].(object)
		for name := range headers {
			own.headers[http.CanonicalHeaderKey(name)] = r.header(below(at, "headers", name))
		}
		all[status] = own
	}
	return all
}

// content returns the schemas of a body by media type, none if there is no body.
func (r *reader) content(place []string) map[string]*jsonschema.Schema {
	found, place := r.at(place)
	types, _ := found["content"].(object)
	all := map[string]*jsonschema.Schema{}
	for name := range types {
		all[name] = r.schema(below(place, "content", name, "schema"))
	}
	return all
}

func (r *reader) header(place []string) header {
	found, place := r.at(place)
	required, _ := found["required"].(bool)
	schema, _ := r.at(below(place, "schema"))
	return header{schema: r.schema(below(place, "schema")), required: required,
		integer: schema["type"] == "integer"}
}

func (r *reader) schema(place []string) *jsonschema.Schema {
	pointer := resource + "#"
	for _, name := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").
			Replace(name)
	}
	schema, err := r.compiler.Compile(pointer)
	if err != nil && r.err == nil {
		r.err = err
	}
	return schema
}
