// Package e2e_test is the hardening plan as tests: one file a phase, and beside them the service's
// life, hostile clients, leaks and a benchmark of whole requests. Everything goes over real
// sockets, to the built binary or to the same service in this process.
package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/offload/sessiond/test/harness"
)

// Every service that a test has started in this process has stopped by the end, and left nothing
// running.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if err := harness.RemoveBinary(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(status)
	}))
}

// strong is a secret that the policy has nothing against, and stronger is another.
const (
	strong   = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
	stronger = "mH3zKd9RwXq5TbVn7YcJf2LsGp8EuAoZ4iMx6QyWhNk="
)

// production is the least that a production-like environment needs.
func production(more harness.Env) harness.Env {
	return with(harness.Env{"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_SESSION_SECRET": strong},
		more)
}

// with is env and more.
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

// exact is an answer byte for byte as it came, but for its Date, with plain line ends.
func exact(conn *harness.Conn) string {
	lines := strings.Split(strings.ReplaceAll(conn.Heard(), "\r\n", "\n"), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "Date: ")
	}), "\n")
}

// post is a request to issue as text.
func post(body string, headers ...string) string {
	return request(http.MethodPost, harness.IssuePath, body,
		append(headers, "Content-Type: application/json")...)
}

// request is a request as text, with a length if it has a body.
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
