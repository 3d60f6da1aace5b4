package docs

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// holder is a client that holds sessions and uses all of them again and again, while others change
// the service. It is safe for concurrent use.
type holder struct {
	client *harness.Client
	stop   chan struct{}
	ended  chan struct{}

	mu       sync.Mutex
	sessions map[string]held // by installation
	accepted map[string]int  // by installation, since the last settle
	lost     []string
	sent     int
	// unanswered counts the requests that failed or had a 5xx, which a client repeats.
	unanswered int
}

// held is a session: its token, and the id of the key that signed it.
type held struct{ token, key string }

func newHolder() *holder {
	return &holder{sessions: map[string]held{}, accepted: map[string]int{},
		stop: make(chan struct{}), ended: make(chan struct{})}
}

// start begins to use the sessions that the holder has and will have.
func (h *holder) start(t *testing.T, client *harness.Client) {
	t.Helper()
	h.client = client
	t.Cleanup(h.end)
	go func() {
		defer close(h.ended)
		for {
			h.use()
			select {
			case <-h.stop:
				return
			case <-time.After(20 * time.Millisecond): // leaves the machine to the commands
			}
		}
	}()
}

// end ends the use of the sessions. It may be called again.
func (h *holder) end() {
	select {
	case <-h.stop:
	default:
		close(h.stop)
	}
	<-h.ended
}

// use sends one request to the application with each session.
func (h *holder) use() {
	h.mu.Lock()
	sessions := make(map[string]held, len(h.sessions))
	for install, session := range h.sessions {
		sessions[install] = session
	}
	h.mu.Unlock()
	for install, session := range sessions {
		answer, err := h.client.Try(http.MethodGet, "/orders", "", harness.Bearer(session.token))
		h.mu.Lock()
		h.sent++
		switch {
		case h.sessions[install] != session: // released meanwhile
		case err == nil && answer.Status == http.StatusOK:
			h.accepted[install]++
		case err == nil && answer.Status < http.StatusInternalServerError:
			h.lost = append(h.lost, fmt.Sprint(install, ": ", answer.Status, " ", answer.Body))
		default:
			h.unanswered++
		}
		h.mu.Unlock()
	}
}

// issue requests a session for an installation, and holds it.
func (h *holder) issue(t *testing.T, install string) {
	t.Helper()
	h.hold(t, install, h.client.Token(t, install))
}

// renew renews the session of an installation, and holds the new session under another name.
func (h *holder) renew(t *testing.T, install, name string) {
	t.Helper()
	h.hold(t, name, h.client.Token(t, install, harness.Bearer(h.held(install).token)))
}

func (h *holder) hold(t *testing.T, name, token string) {
	t.Helper()
	var current struct {
		KeyID string `json:"key_id"`
	}
	answer := h.client.Current(t, harness.Bearer(token))
	require.Equal(t, http.StatusOK, answer.Status, answer.Body)
	answer.Decode(t, &current)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[name] = held{token, current.KeyID}
}

// held returns the session that is held under a name.
func (h *holder) held(name string) held {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[name]
}

// release gives up the sessions of a key, and returns their tokens.
func (h *holder) release(key string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var tokens []string
	for name, session := range h.sessions {
		if session.key == key {
			tokens = append(tokens, session.token)
			delete(h.sessions, name)
		}
	}
	return tokens
}

// settle waits until each session has been accepted twice from now on, and fails the test if one
// was refused before.
func (h *holder) settle(t *testing.T, when string) {
	t.Helper()
	h.mu.Lock()
	clear(h.accepted)
	h.mu.Unlock()
	harness.Poll(t, "every session is accepted "+when, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		require.Empty(t, h.lost, "sessions that were lost %s", when)
		for name := range h.sessions {
			if h.accepted[name] < 2 {
				return false
			}
		}
		return true
	})
}

// finish ends the use of the sessions.
func (h *holder) finish(t *testing.T) {
	t.Helper()
	h.end()
	assert.Empty(t, h.lost)
	t.Logf("%d requests with %d sessions; %d were not answered, most of them during a restart",
		h.sent, len(h.sessions), h.unanswered)
}
