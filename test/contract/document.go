package contract

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/offload/sessiond/adapters/http/api"
)

// Paths, among them those that represent classes which OpenAPI cannot express.
const (
	pathVerify = "/v1/sessions/verify"
	pathBelow  = "/v1/sessions/verify/{path}"
	// exampleBelow represents every path of pathBelow.
	exampleBelow = "/v1/sessions/verify/below"
	// anyUnknown represents every unknown path, anyUnread every request that could not be parsed.
	anyUnknown = "/unknown"
	anyUnread  = "/unread"
)

// methods lists the methods that an OpenAPI document can describe.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

type operation struct{ method, path string }

// described is what the description allows in a response.
type described struct {
	headers map[string]header // by canonical name
	content map[string]*jsonschema.Schema
}

// header is a response header of the description.
type header struct {
	schema   *jsonschema.Schema
	required bool
	integer  bool
}

// document is the description, prepared for checking exchanges.
type document struct {
	request map[string]*jsonschema.Schema // the issue request's body, by media type
	answers map[operation]map[int]described
}

// description returns the document, which is loaded once per test process.
var description = sync.OnceValue(func() *document {
	d, err := load(api.Description)
	if err != nil {
		panic(err)
	}
	return d
})

// object is a JSON object.
type object = map[string]any

// load prepares a description. It does not check that the text is an OpenAPI document;
// TestDescriptionIsOpenAPI does.
func load(text string) (*document, error) {
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	root := parsed.(object)
	addRepresentatives(root)
	r := reader{root: root, compiler: jsonschema.NewCompiler()}
	r.compiler.AssertFormat()
	if err := r.compiler.AddResource(resource, root); err != nil {
		return nil, err
	}
	d := &document{answers: map[operation]map[int]described{}}
	for path, item := range root["paths"].(object) {
		for method := range item.(object) {
			if !slices.Contains(methods, strings.ToUpper(method)) {
				continue // what all operations of the path share
			}
			at := []string{"paths", path, method}
			o := operation{strings.ToUpper(method), path}
			if path == pathBelow {
				o.path = exampleBelow
			}
			d.answers[o] = r.answers(append(at, "responses"))
		}
	}
	d.request = r.content([]string{"paths", pathIssue, "post", "requestBody"})
	return d, r.err
}

// addRepresentatives adds the operations that represent what the description covers in prose.
func addRepresentatives(root object) {
	paths, components := root["paths"].(object), root["components"].(object)["responses"].(object)
	named := func(name string) object { return components[name].(object) }
	parser := object{
		"400": named("Unparsed"), "417": named("ExpectationFailed"), "431": named("Unparsed"),
		"501": named("Unparsed"), "505": named("Unparsed"),
	}
	// with returns an operation that has the HTTP parser's responses as well as answers.
	with := func(answers object) object {
		all := object{}
		for status, answer := range parser {
			all[status] = answer
		}
		for status, answer := range answers {
			all[status] = answer
		}
		return object{"responses": all}
	}
	for _, item := range paths {
		for _, method := range methods {
			name := strings.ToLower(method)
			if _, has := item.(object)[name]; !has {
				item.(object)[name] = with(object{"405": named("MethodNotAllowed"),
					"500": named("Internal")})
			}
		}
	}
	unknown, unread := object{}, object{}
	for _, method := range methods {
		unknown[strings.ToLower(method)] = with(object{"404": named("NotFound"),
			"500": named("Internal")})
		unread[strings.ToLower(method)] = with(object{
			"401": named("Unauthenticated"), "404": named("NotFound"),
			"405": named("MethodNotAllowed"), "413": named("PayloadTooLarge"),
			"415": named("UnsupportedMediaType"), "422": named("Invalid"),
			"429": named("RateLimited"), "500": named("Internal"),
			"503": named("Unavailable"),
		})
	}
	paths[anyUnknown], paths[anyUnread] = unknown, unread
	// References are resolved, and responses to HEAD lose their body (RFC 9110 §9.3.2).
	for _, item := range paths {
		for _, method := range methods {
			answers := item.(object)[strings.ToLower(method)].(object)["responses"].(object)
			for status, answer := range answers {
				found := answer.(object)
				if reference, ok := found["$ref"].(string); ok {
					found = named(reference[strings.LastIndexByte(reference, '/')+1:])
				}
				own := object{}
				for name, value := range found {
					if name != "content" || method != http.MethodHead {
						own[name] = value
					}
				}
				answers[status] = own
			}
		}
	}
}

// operationFor returns the method and the path of the document that describe the response to a
// request.
func (d *document) operationFor(sent Request) (method, path string) {
	method = sent.Method
	if sent.Target == "" {
		if !slices.Contains(methods, method) {
			method = http.MethodGet
		}
		return method, anyUnread
	}
	path = pathOf(sent.Target)
	if rest, found := strings.CutPrefix(path, pathVerify); found && rest != "" {
		if rest[0] == '/' || len(rest) > 2 && strings.EqualFold(rest[:3], "%2F") {
			path = exampleBelow
		}
	}
	if _, known := d.answers[operation{http.MethodGet, path}]; !known {
		path = anyUnknown
	}
	if !slices.Contains(methods, method) {
		method = http.MethodTrace // only paths that accept every method describe it
	}
	return method, path
}

// pathOf returns the path of a request target, as it was sent.
func pathOf(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if _, rest, absolute := strings.Cut(target, "://"); absolute && target[0] != '/' {
		_, path, _ := strings.Cut(rest, "/")
		return "/" + path
	}
	return target
}
