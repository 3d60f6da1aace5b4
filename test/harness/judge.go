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

// judge holds what comes from the public listener against the API's description, and fails t. A
// benchmark measures the service alone.
func judge(t testing.TB) func(contract.Request, Response) {
	if _, measures := t.(*testing.B); measures {
		return func(contract.Request, Response) {}
	}
	return func(sent contract.Request, got Response) {
		for _, breach := range contract.Breaches(sent, contract.Answer(got)) {
			assert.Fail(t, "not as the API's description has it", "%s", breach)
		}
	}
}

// said is what was sent on a bare connection, to be taken apart into the requests that were
// answered.
type said struct {
	text string
	lost bool // what follows cannot be read as a server reads it
}

func (s *said) add(text string) { s.text += text }

// next is the next request that was sent. Where it cannot be read, it has the method that its
// sender had in mind, and no target.
func (s *said) next(method string) contract.Request {
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
