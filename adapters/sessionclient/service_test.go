package sessionclient_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// service is an http.RoundTripper that answers as the service does, without a socket, so that time
// passes in a synctest bubble. Each session is another one.
type service struct {
	// answer, if it is not nil, answers in place of the service. It returns nil to leave it to the
	// service.
	answer func(*http.Request) (*http.Response, error)

	mu        sync.Mutex
	issued    map[string]string // the install ID of each session
	requests  int
	active    int
	maxActive int // the maximum of requests at the same time
	last      http.Header
}

// RoundTrip implements http.RoundTripper.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests++
	s.active++
	s.maxActive = max(s.maxActive, s.active)
	s.last = r.Header.Clone()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	var asked struct {
		InstallID string `json:"install_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	_ = r.Body.Close()
	if s.answer != nil {
		if response, err := s.answer(r); response != nil || err != nil {
			return response, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.issued == nil {
		s.issued = map[string]string{}
	}
	token := fmt.Sprintf("session.%d", len(s.issued)+1)
	s.issued[token] = asked.InstallID
	return reply(200, sessionBody(token, 97)), nil
}

func (s *service) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// reply returns a response with headers, which are names and values.
func reply(status int, body string, headers ...string) *http.Response {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: header,
		Body: io.NopCloser(strings.NewReader(body))}
}

func sessionBody(token string, refreshAfter int) string {
	text, err := json.Marshal(map[string]any{"session_token": token,
		"refresh_after": refreshAfter})
	if err != nil {
		panic(err)
	}
	return string(text)
}

const (
	sessionsURL    = "https://sessions.example"
	applicationURL = "https://api.example"
)

// newClient returns a client of a service with what change sets.
func newClient(t testing.TB, s *service,
	change func(*sessionclient.Config)) *sessionclient.Client {
	t.Helper()
	config := sessionclient.Config{Sessions: sessionsURL, Application: []string{applicationURL},
		AppVersion: "1.0", Platform: "test", Transport: s}
	if change != nil {
		change(&config)
	}
	client, err := sessionclient.New(config)
	require.NoError(t, err)
	return client
}
