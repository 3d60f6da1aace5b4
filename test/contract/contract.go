// Package contract checks exchanges with the public listener against the API's own description,
// adapters/http/api/openapi.json: every status, header and body of a response, and whether an issue
// request was rightly accepted or rejected.
//
// Where the description covers a whole class in prose, this package adds operations that represent
// the class: any unknown path, any method that a path does not support, every path below verify,
// and responses to HEAD. Only tests import it; it imports domain/strict, http/api and a JSON Schema
// library.
package contract

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/offload/sessiond/domain/strict"
)

// maxBody is the maximum size of an issue request body, in bytes.
const maxBody = 16 << 10

// pathIssue is the only path that reads a body.
const pathIssue = "/v1/sessions/anonymous"

// Request is a request that was sent.
type Request struct {
	// Method and Target are those of the request line. An empty Target means that the request could
	// not be parsed; the response may then be any error.
	Method, Target string
	Header         http.Header
	Body           string
	// Broken reports whether the body was cut off, or is shorter than announced.
	Broken bool
}

// Answer is a complete response.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// Close reports whether the server closes the connection after the response. Go's HTTP reader
	// removes the header that says so.
	Close bool
	// HTTP2 reports whether the response came over HTTP/2.
	HTTP2 bool
}

// Breaches returns the ways in which a response, or the acceptance or rejection of its request,
// violates the description. It may be called from any goroutine.
func Breaches(sent Request, answer Answer) []string {
	if preflight(sent, answer) || sent.Target == "" && answer.Status < http.StatusMultipleChoices {
		return nil // the right success of a request that could not be parsed is unknown
	}
	d := description()
	method, path := d.operationFor(sent)
	breaches := d.judgeAnswer(method, path, answer)
	if path == pathIssue {
		breaches = append(breaches, judgeVerdict(sent, answer)...)
	}
	for i := range breaches {
		breaches[i] = fmt.Sprintf("%s %s (%s %s), answered %d: %s", sent.Method, sent.Target,
			method, path, answer.Status, breaches[i])
	}
	return breaches
}

// preflight reports whether the exchange is a CORS preflight, which the description covers in prose
// only.
func preflight(sent Request, answer Answer) bool {
	return sent.Method == http.MethodOptions &&
		sent.Header.Get("Access-Control-Request-Method") != "" &&
		answer.Status == http.StatusNoContent
}

// judgeAnswer checks a response against an operation.
func (d *document) judgeAnswer(method, path string, answer Answer) []string {
	declared, known := d.answers[operation{method, path}][answer.Status]
	if !known {
		return []string{"the description does not have this status"}
	}
	header := answer.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if answer.Close {
		header.Set("Connection", "close")
	}
	breaches := declared.judgeHeader(header)
	if fromParser(answer.Status) && !answer.HTTP2 && !answer.Close {
		breaches = append(breaches, "the connection is not closed")
	}
	mediaType := header.Get("Content-Type")
	switch {
	case len(declared.content) > 0:
		breaches = append(breaches, judgeBody(declared.content, mediaType, answer.Body)...)
	case answer.Body != "":
		breaches = append(breaches, fmt.Sprintf("the description has no body here: %.100q", answer.Body))
	case method != http.MethodHead && mediaType != "":
		breaches = append(breaches, "a Content-Type without a body")
	}
	return breaches
}

// judgeHeader checks the header fields of a response.
func (d described) judgeHeader(fields http.Header) []string {
	var breaches []string
	for name, declared := range d.headers {
		if declared.required && fields.Get(name) == "" {
			breaches = append(breaches, "header "+name+" is missing")
		}
	}
	for name, values := range fields {
		declared, known := d.headers[http.CanonicalHeaderKey(name)]
		if !known && !standard(name) {
			breaches = append(breaches, "header "+name+" is not in the description")
		}
		if len(values) != 1 && name != "Www-Authenticate" {
			breaches = append(breaches, fmt.Sprintf("header %s occurs %d times", name, len(values)))
		}
		if !known || len(values) == 0 {
			continue
		}
		var value any = strings.Join(values, ", ") // RFC 9110 §5.3
		if _, err := strconv.Atoi(values[0]); err == nil && declared.integer {
			value = json.Number(values[0])
		}
		if err := declared.schema.Validate(value); err != nil {
			breaches = append(breaches, fmt.Sprintf("header %s: %v", name, err))
		}
	}
	return breaches
}

// judgeBody checks a body against the schema of its media type. A body that is not JSON is a
// string.
func judgeBody(content map[string]*jsonschema.Schema, mediaType, body string) []string {
	name, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return []string{fmt.Sprintf("Content-Type %q: %v", mediaType, err)}
	}
	schema, known := content[name]
	if !known {
		return []string{fmt.Sprintf("Content-Type %q is not in the description", mediaType)}
	}
	var value any = body
	if name == "application/json" {
		if value, err = jsonschema.UnmarshalJSON(strings.NewReader(body)); err != nil {
			return []string{"the body is not JSON: " + err.Error()}
		}
	}
	if err := schema.Validate(value); err != nil {
		return []string{"body: " + err.Error()}
	}
	return nil
}

// fromParser reports whether a response with that status comes from the HTTP parser. In HTTP/1 the
// connection is then closed; the description, which covers all versions of HTTP, says so in prose.
func fromParser(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusExpectationFailed,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented,
		http.StatusHTTPVersionNotSupported:
		return true
	}
	return false
}

// standard reports whether a header belongs to HTTP itself, or to CORS, which the description
// covers in prose.
func standard(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Date", "Connection", "Vary":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-")
}

// judgeVerdict checks whether an issue request was rightly accepted or rejected: an accepted
// request must conform to the description, and a conforming request must not be rejected as
// malformed.
func judgeVerdict(sent Request, answer Answer) []string {
	found := Flaws(sent)
	switch answer.Status {
	case http.StatusOK:
		if len(found) > 0 {
			return []string{"granted, although the request violates the description: " +
				strings.Join(found, "; ")}
		}
	case http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType,
		http.StatusRequestEntityTooLarge:
		if len(found) == 0 {
			return []string{"rejected, although the request conforms to the description"}
		}
	}
	return nil
}

// Flaws returns the ways in which an issue request violates the description.
func Flaws(sent Request) []string {
	// The description states these in prose: the size limit, that the JSON is unambiguous, and that
	// a missing media type is treated as JSON.
	if sent.Broken || len(sent.Body) > maxBody {
		return []string{"the body is incomplete or too long"}
	}
	parsed, err := strict.Parse(sent.Body)
	if err != nil || parsed.Repeated > 0 {
		return []string{"the body is not strict JSON"}
	}
	mediaType := sent.Header.Get("Content-Type")
	switch types := sent.Header.Values("Content-Type"); {
	case len(types) > 1:
		return []string{"more than one Content-Type"}
	case strings.TrimSpace(mediaType) == "":
		mediaType = "application/json"
	case strings.Contains(mediaType, "charset") && !strings.EqualFold(charset(mediaType), "utf-8"):
		return []string{"the charset is not utf-8"}
	}
	return judgeBody(description().request, mediaType, sent.Body)
}

// charset returns the charset of a media type, which is empty if the media type cannot be parsed.
func charset(mediaType string) string {
	_, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return ""
	}
	return parameters["charset"]
}
