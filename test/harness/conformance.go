package harness

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/contract"
)

// conformance returns a function that checks an exchange with the public listener against the API
// description, and fails t if they differ. For a benchmark, which measures the service alone, it
// checks nothing.
func conformance(t testing.TB) func(contract.Request, Response) {
	if _, measures := t.(*testing.B); measures {
		return func(contract.Request, Response) {}
	}
	return func(sent contract.Request, got Response) {
		for _, breach := range contract.Breaches(sent, contract.Answer(got)) {
			assert.Fail(t, "the response violates the API description", "%s", breach)
		}
	}
}

// sentText is the text sent on a raw connection, to be split into the requests that were answered.
type sentText struct {
	text string
	lost bool // the rest of the text cannot be parsed as a server parses it
}

func (s *sentText) add(text string) { s.text += text }

// next returns the next request that was sent. If it cannot be parsed, the request has the method
// that the sender intended, and no target.
func (s *sentText) next(method string) contract.Request {
	unread := contract.Request{Method: method}
	if s.lost {
		return unread
	}
	rest := strings.NewReader(s.text)
	reader := bufio.NewReader(rest)
	request, err := http.ReadRequest(reader)
	if err != nil {
		s.lost = true
		return unread
	}
	body, err := io.ReadAll(request.Body)
	s.lost = err != nil
	s.text = s.text[len(s.text)-rest.Len()-reader.Buffered():]
	return contract.Request{
		Method: request.Method, Target: request.RequestURI, Header: request.Header,
		Body: string(body), Broken: err != nil,
	}
}
