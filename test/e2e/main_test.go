// Package e2e_test tests the whole service over real sockets, either the built binary or the same
// service in this process: the hardening plan, one file per phase; the life cycle of the process;
// hostile clients; leaks; and a benchmark of whole requests.
package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/test/harness"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// strong and stronger are two secrets that satisfy the policy.
const (
	strong   = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
	stronger = "mH3zKd9RwXq5TbVn7YcJf2LsGp8EuAoZ4iMx6QyWhNk="
)

// poll calls done until it returns true, and fails the test when harness.Timeout has passed. It
// runs done on the test's own goroutine, so that done may use require.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(harness.Timeout)
	for !done() {
		require.True(t, time.Now().Before(deadline), "timed out waiting until %s", what)
		time.Sleep(10 * time.Millisecond)
	}
}

// receive returns the next value from a channel, and fails the test when harness.Timeout has
// passed. On a closed channel it returns the zero value.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	timer := time.NewTimer(harness.Timeout)
	defer timer.Stop()
	select {
	case value := <-from:
		return value
	case <-timer.C:
		require.Fail(t, "timed out", "waiting until %s", what)
		panic("unreachable")
	}
}

// wait waits for group, and fails the test when harness.Timeout has passed.
func wait(t *testing.T, what string, group *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	receive(t, what, done)
}

// production returns the minimal settings of a production-like environment, and more.
func production(more harness.Env) harness.Env {
	return with(harness.Env{"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_SESSION_SECRET": strong},
		more)
}

// with returns env merged with more, which takes precedence.
func with(env, more harness.Env) harness.Env {
	merged := harness.Env{}
	for name, value := range env {
		merged[name] = value
	}
	for name, value := range more {
		merged[name] = value
	}
	return merged
}

// exact returns the response byte for byte, without its Date and with LF line ends.
func exact(conn *harness.Conn) string {
	lines := strings.Split(strings.ReplaceAll(conn.Heard(), "\r\n", "\n"), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "Date: ")
	}), "\n")
}

// post returns the text of an issue request.
func post(body string, headers ...string) string {
	return request(http.MethodPost, harness.IssuePath, body,
		append(headers, "Content-Type: application/json")...)
}

// request returns the text of a request, with a Content-Length if it has a body.
func request(method, target, body string, headers ...string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: sessiond\r\n"
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	for _, header := range headers {
		text += header + "\r\n"
	}
	return text + "\r\n" + body
}
