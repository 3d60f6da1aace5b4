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

// What stands in for classes that OpenAPI cannot say.
const (
	pathVerify = "/v1/sessions/verify"
	pathBelow  = "/v1/sessions/verify/{path}"
	// standsBelow is a path of pathBelow.
	standsBelow = "/v1/sessions/verify/below"
	// standsUnknown is every unknown path, and standsUnread every request that could not be read.
	standsUnknown = "/unknown"
	standsUnread  = "/unread"
)

// methods are those that an OpenAPI document can describe.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

type operation struct{ method, path string }

// described is what an answer may have.
type described struct {
	headers map[string]bool // in lower case
	content bool
}

// document is the description, ready to hold exchanges against.
type document struct {
	validator validator.Validator
	answers   map[operation]map[int]described
}

// description is read once in a test process.
var description = sync.OnceValue(func() *document {
	d, err := load(api.Description)
	if err != nil {
		panic(err)
	}
	return d
})

// object is an object of JSON.
type object = map[string]any

func load(text string) (*document, error) {
	var root object
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	d := &document{answers: map[operation]map[int]described{}}
	standIn(root)
	for path, item := range root["paths"].(object) {
		if path == pathBelow {
			path = standsBelow
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

// standIn adds the operations that stand in for what the description says in words.
func standIn(root object) {
	paths, components := root["paths"].(object), root["components"].(object)["responses"].(object)
	named := func(name string) object { return components[name].(object) }
	parser := object{
		"400": named("Unparsed"), "417": named("ExpectationFailed"), "431": named("Unparsed"),
		"501": named("Unparsed"), "505": named("Unparsed"),
	}
	// with is an operation of the parser's answers and those.
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
	paths[standsUnknown], paths[standsUnread] = unknown, unread
	// Each answer in place of a reference to it; and where HEAD asked, it has no body (RFC 9110
	// §9.3.2).
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

// answersOf lists what each answer of an operation may have.
func answersOf(found object) map[int]described {
	answers := map[int]described{}
	for text, answer := range found["responses"].(object) {
		status, err := strconv.Atoi(text)
		if err != nil {
			continue // a default or a range, of which the description has none
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

// operationFor finds what describes the answer to a request: the method and a path of the document.
func (d *document) operationFor(sent Request) (method, path string) {
	method = sent.Method
	if sent.Target == "" {
		if !slices.Contains(methods, method) {
			method = http.MethodGet
		}
		return method, standsUnread
	}
	path = pathOf(sent.Target)
	if rest, found := strings.CutPrefix(path, pathVerify); found && rest != "" {
		if rest[0] == '/' || len(rest) > 2 && strings.EqualFold(rest[:3], "%2F") {
			path = standsBelow
		}
	}
	if _, known := d.answers[operation{http.MethodGet, path}]; !known {
		path = standsUnknown
	}
	if !slices.Contains(methods, method) {
		method = http.MethodTrace // which no path has but those that have any
	}
	return method, path
}

// pathOf is the path of a request's target, as it was sent.
func pathOf(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if _, rest, absolute := strings.Cut(target, "://"); absolute && target[0] != '/' {
		_, path, _ := strings.Cut(rest, "/")
		return "/" + path
	}
	return target
}

func charset(mediaType string) string {
	// the service read it, or the library refuses it
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
