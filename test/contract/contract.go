// Package contract holds exchanges with the public listener against the API's own description,
// adapters/http/api/openapi.json: every status, header and body that leaves, and the verdict on
// every request to issue.
//
// What the description says of a whole class in words, it says here as operations that stand in for
// it: any unknown path, any method that a path does not have, every path below verify, answers to
// HEAD. Only tests import it; it imports domain/strict, http/api and libopenapi.
package contract

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// maxBody is the most bytes of a request to issue.
const maxBody = 16 << 10

// pathIssue is the one path that reads a body.
const pathIssue = "/v1/sessions/anonymous"

// Request is what was sent.
type Request struct {
	// Method and Target are the first line's. An empty Target is a request that could not be read:
	// then the answer may be any error.
	Method, Target string
	Header         http.Header
	Body           string
	// Broken tells that the body broke off, or is longer than what was sent of it.
	Broken bool
}

// Answer is what came back, whole.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// Close tells that the server closes the connection after it. Go's HTTP reader takes the header
	// away that says so.
	Close bool
	// HTTP2 tells that it came over HTTP/2.
	HTTP2 bool
}

// Breaches says in what way an answer, or the verdict on its request, is not as the description has
// it. It may be called from any goroutine.
func Breaches(sent Request, answer Answer) []string {
	if preflight(sent, answer) || sent.Target == "" && answer.Status < http.StatusMultipleChoices {
		return nil // of a request that could not be read nobody knows what its success should be
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

// preflight reports whether it is CORS, of which the description speaks in words alone.
func preflight(sent Request, answer Answer) bool {
	return sent.Method == http.MethodOptions &&
		sent.Header.Get("Access-Control-Request-Method") != "" &&
		answer.Status == http.StatusNoContent
}

// judgeAnswer holds an answer against an operation.
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
		if !declared.headers[strings.ToLower(name)] && !beside(name) {
			breaches = append(breaches, fmt.Sprintf("the header %s is not described", name))
		}
		if len(values) != 1 {
			breaches = append(breaches, fmt.Sprintf("the header %s comes %d times", name,
				len(values)))
		}
	}
	if parsers(answer.Status) && !answer.HTTP2 && !answer.Close {
		breaches = append(breaches, "the connection stays open")
	}
	if !declared.content && answer.Body != "" {
		breaches = append(breaches, fmt.Sprintf("a body that is not described: %.100q",
			answer.Body))
	}
	if !declared.content && method != http.MethodHead && answer.Header.Get("Content-Type") != "" {
		breaches = append(breaches, "a media type of no body")
	}
	return breaches
}

// parsers reports whether an answer of that status is the HTTP parser's own. In HTTP/1 its
// connection closes, which the description, of any version of HTTP, says in words.
func parsers(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusExpectationFailed,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented,
		http.StatusHTTPVersionNotSupported:
		return true
	}
	return false
}

// beside reports whether a header is HTTP's own, or of CORS, of which the description speaks in
// words.
func beside(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Date", "Connection", "Vary":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-")
}

// judgeVerdict holds the verdict on a request to issue against the description: what is granted is
// as described, and what is as described is not called malformed.
func judgeVerdict(sent Request, answer Answer) []string {
	found := Flaws(sent)
	switch answer.Status {
	case http.StatusOK:
		if len(found) > 0 {
			return []string{"granted, though the request is not as described: " +
				strings.Join(found, "; ")}
		}
	case http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType,
		http.StatusRequestEntityTooLarge:
		if len(found) == 0 {
			return []string{"refused, though the request is as described"}
		}
	}
	return nil
}

// Flaws says in what way a request to issue is not as the description has it.
func Flaws(sent Request) []string {
	// Said in words: the size, a text that is read in one way only, and that no media type is taken
	// for JSON.
	if sent.Broken || len(sent.Body) > maxBody {
		return []string{"the body is not whole, or too long"}
	}
	parsed, err := strict.Parse(sent.Body)
	if err != nil || parsed.Repeated > 0 {
		return []string{"the body is no strict JSON"}
	}
	request, err := http.NewRequest(http.MethodPost, "http://sessiond"+pathIssue,
		strings.NewReader(named(parsed)))
	if err != nil {
		return []string{err.Error()}
	}
	request.Header = sent.Header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	switch types := request.Header.Values("Content-Type"); {
	case len(types) > 1:
		return []string{"more than one media type"}
	case strings.TrimSpace(request.Header.Get("Content-Type")) == "":
		request.Header.Set("Content-Type", "application/json")
	case strings.Contains(types[0], "charset") && !strings.EqualFold(charset(types[0]), "utf-8"):
		return []string{"a charset that is not utf-8"}
	}
	_, wrong := description().validator.GetRequestBodyValidator().ValidateRequestBody(request)
	return texts(wrong)
}

// named is a body without the members that the schema does not name and admits whatever they are:
// the library refuses numbers there that no float64 holds.
func named(body strict.Document) string {
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
