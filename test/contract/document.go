package contract

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/errors"

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
	headers map[string]bool // in lower case
	content bool
}

// document is the description, prepared for checking exchanges.
type document struct {
	validator validator.Validator
	answers   map[operation]map[int]described
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

func load(text string) (*document, error) {
	var root object
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	d := &document{answers: map[operation]map[int]described{}}
	addRepresentatives(root)
	for path, item := range root["paths"].(object) {
		if path == pathBelow {
			path = exampleBelow
		}
		for _, method := range methods {
			if found, ok := item.(object)[strings.ToLower(method)].(object); ok {
				d.answers[operation{method, path}] = answersOf(found)
			}
		}
	}
	full, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	parsed, err := libopenapi.NewDocument(full)
	if err != nil {
		return nil, err
	}
	made, faults := validator.NewValidator(parsed, config.WithFormatAssertions(),
		config.WithRegexCache(&sync.Map{}))
	if len(faults) > 0 {
		return nil, faults[0]
	}
	if valid, found := made.ValidateDocument(); !valid {
		return nil, found[0]
	}
	d.validator = made
	return d, nil
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

// answersOf returns, by status, what the responses of an operation may contain.
func answersOf(found object) map[int]described {
	answers := map[int]described{}
	for text, answer := range found["responses"].(object) {
		status, err := strconv.Atoi(text)
		if err != nil {
			continue // "default" or a range; the description has neither
		}
		own := described{headers: map[string]bool{}}
		_, own.content = answer.(object)["content"]
		if headers, ok := answer.(object)["headers"].(object); ok {
			for name := range headers {
				own.headers[strings.ToLower(name)] = true
			}
		}
		answers[status] = own
	}
	return answers
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

func charset(mediaType string) string {
	// The error is ignored: the library rejects a media type that cannot be parsed.
	_, parameters, _ := mime.ParseMediaType(mediaType)
	return parameters["charset"]
}

func texts(found []*errors.ValidationError) []string {
	var all []string
	for _, one := range found {
		text := one.Message + ": " + one.Reason
		for _, failure := range one.SchemaValidationErrors {
			text += "; " + strings.Join(failure.InstancePath, "/") + " " + failure.Reason
		}
		all = append(all, text)
	}
	return all
}
