package harness

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// InstallID returns the install id of installation n.
func InstallID(n int) string { return fmt.Sprintf("install-%06d", n) }

// FromClient returns the header in which a proxy passes on the address of client n.
func FromClient(n int) Header {
	return ForwardedFor(fmt.Sprintf("198.51.%d.%d", n/250, 1+n%250))
}

// AssertGranted fails unless the response grants a session.
func AssertGranted(t testing.TB, answer Response, about ...any) {
	t.Helper()
	assert.Equal(t, http.StatusOK, answer.Status, about...)
}

// AssertThrottled fails unless the response is a refusal of the throttle with that Retry-After.
func AssertThrottled(t testing.TB, answer Response, seconds string, about ...any) {
	t.Helper()
	assert.Equal(t, http.StatusTooManyRequests, answer.Status, about...)
	assert.Equal(t, "session_rate_limited", answer.Code(), about...)
	assert.Equal(t, seconds, answer.Header.Get("Retry-After"), about...)
}
