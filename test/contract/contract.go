// Package contract checks exchanges with the public listener against the API's own description,
// adapters/http/api/openapi.json: every status, header and body of a response, and whether an issue
// request was rightly accepted or rejected.
//
// Where the description covers a whole class in prose, this package adds operations that represent
// the class: any unknown path, any method that a path does not support, every path below verify,
// and responses to HEAD. Only tests import it; it imports domain/strict, http/api and libopenapi.
package contract

import (
	"fmt"
	"io"
	"net/http"
	"strings"

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
	request, err := http.NewRequest(method, "http://sessiond"+path, http.NoBody)
	if err != nil {
		return []string{err.Error()}
	}
	header := answer.Header.Clone()
	if answer.Close {
		header.Set("Connection", "close")
	}
	_, found := d.validator.ValidateHttpResponse(request, &http.Response{
		StatusCode: answer.Status, Header: header,
		Body: io.NopCloser(strings.NewReader(answer.Body)),
	})
	breaches := texts(found)
	declared := d.answers[operation{method, path}][answer.Status]
	for name, values := range answer.Header {
		if !declared.headers[strings.ToLower(name)] && !standard(name) {
			breaches = append(breaches, fmt.Sprintf("header %s is not in the description", name))
		}
		if len(values) != 1 {
			breaches = append(breaches, fmt.Sprintf("header %s occurs %d times", name,
				len(values)))
		}
	}
	if fromParser(answer.Status) && !answer.HTTP2 && !answer.Close {
		breaches = append(breaches, "the connection is not closed")
	}
	if !declared.content && answer.Body != "" {
		breaches = append(breaches, fmt.Sprintf("the description has no body here: %.100q", answer.Body))
	}
	if !declared.content && method != http.MethodHead && answer.Header.Get("Content-Type") != "" {
		breaches = append(breaches, "a Content-Type without a body")
	}
	return breaches
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
	request, err := http.NewRequest(http.MethodPost, "http://sessiond"+pathIssue,
		strings.NewReader(withoutUnknown(parsed)))
	if err != nil {
		return []string{err.Error()}
	}
	request.Header = sent.Header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	switch types := request.Header.Values("Content-Type"); {
	case len(types) > 1:
		return []string{"more than one Content-Type"}
	case strings.TrimSpace(request.Header.Get("Content-Type")) == "":
		request.Header.Set("Content-Type", "application/json")
	case strings.Contains(types[0], "charset") && !strings.EqualFold(charset(types[0]), "utf-8"):
		return []string{"the charset is not utf-8"}
	}
	_, wrong := description().validator.GetRequestBodyValidator().ValidateRequestBody(request)
	return texts(wrong)
}

// withoutUnknown returns the body without members that the schema does not name. The schema admits
// any value for them, but the library rejects numbers that do not fit a float64.
func withoutUnknown(body strict.Document) string {
	if body.Kind() != strict.Object {
		return body.Raw()
	}
	var members []string
	for _, member := range body.Members() {
		switch member.Name {
		case "install_id", "app_version", "platform":
			members = append(members, `"`+member.Name+`":`+member.Value.Raw())
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}
