package harness

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/throttle"
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

// AssertThrottled fails unless the response is a refusal of the throttle with that wait in seconds.
// Retry-After is the wait, or, if many installations share the limit, longer by at most a window.
func AssertThrottled(t testing.TB, answer Response, seconds string, about ...any) {
	t.Helper()
	assert.Equal(t, http.StatusTooManyRequests, answer.Status, about...)
	assert.Equal(t, "session_rate_limited", answer.Code(), about...)
	wait, err := strconv.Atoi(seconds)
	assert.NoError(t, err, about...)
	retryAfter, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	assert.NoError(t, err, about...)
	longest, shared := 0, false
	refused := refusedWaits(t, answer)
	for _, dimension := range throttle.Dimensions() {
		longest = max(longest, refused[dimension.String()])
		shared = shared || dimension.Shared() && refused[dimension.String()] == wait
	}
	assert.Equal(t, wait, longest, about...)
	if !shared {
		assert.Equal(t, wait, retryAfter, about...)
		return
	}
	_, window, _ := strings.Cut(answer.Header.Get("RateLimit-Policy"), ";w=")
	window, _, _ = strings.Cut(window, ",")
	most, err := strconv.Atoi(window)
	assert.NoError(t, err, about...)
	assert.GreaterOrEqual(t, retryAfter, wait, about...)
	assert.LessOrEqual(t, retryAfter, wait+most, about...)
}

var refusedLimit = regexp.MustCompile(`"([a-z_]+)";r=0;t=([0-9]+)`)

// refusedWaits returns the waits of the limits that a response reports as used up, by dimension.
func refusedWaits(t testing.TB, answer Response) map[string]int {
	t.Helper()
	waits := map[string]int{}
	for _, found := range refusedLimit.FindAllStringSubmatch(answer.Header.Get("RateLimit"), -1) {
		wait, err := strconv.Atoi(found[2])
		assert.NoError(t, err)
		waits[found[1]] = wait
	}
	return waits
}
