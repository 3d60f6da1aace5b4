package limits_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// TestRateLimitFields shows that grants report what remains of every limit that was checked.
func TestRateLimitFields(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	fields := func(answer harness.Response) string {
		t.Helper()
		harness.AssertGranted(t, answer)
		assert.Equal(t, `"ip";q=32;w=60, "network";q=2048;w=60, "install_id";q=4;w=60`,
			answer.Header.Get("RateLimit-Policy"))
		assert.Empty(t, answer.Header.Values("Retry-After"))
		return answer.Header.Get("RateLimit")
	}
	assert.Equal(t, `"ip";r=31;t=60, "network";r=2047;t=60, "install_id";r=3;t=60`,
		fields(service.Issue(t, "install-12345", harness.FromClient(1))))
	service.Clock.Advance(time.Nanosecond)
	assert.Equal(t, `"ip";r=30;t=60, "network";r=2046;t=60, "install_id";r=2;t=60`,
		fields(service.Issue(t, "install-12345", harness.FromClient(1))))
	service.Clock.Advance(time.Second)
	assert.Equal(t, `"ip";r=29;t=59, "network";r=2045;t=59, "install_id";r=3;t=60`,
		fields(service.Issue(t, "install-67890", harness.FromClient(1))))
	assert.Equal(t, `"ip";r=31;t=60, "network";r=2044;t=59, "install_id";r=1;t=59`,
		fields(service.Issue(t, "install-12345", harness.FromClient(2))))
	service.Clock.Advance(58_999_999_999)
	assert.Equal(t, `"ip";r=29;t=1, "network";r=2044;t=1, "install_id";r=1;t=1`,
		fields(service.Issue(t, "install-12345", harness.FromClient(1))),
		"the first grants left just now")
}

// TestNetworkLimit shows that a holder of many addresses in one network gets the limit of the
// network.
func TestNetworkLimit(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]struct {
		client string // with the number of a client
		next   string // an address in the next network
	}{
		"IPv4": {"203.0.113.%d", "203.0.114.1"},
		"IPv6": {"2001:db8:1:%d::1", "2001:db8:2::1"},
	} {
		t.Run(name, func(t *testing.T) {
			const limit = 20
			service := harness.Serve(t, harness.BehindProxy(
				harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": fmt.Sprint(limit)}))
			from := func(n int) harness.Header {
				return harness.ForwardedFor(fmt.Sprintf(network.client, n))
			}
			for n := range limit {
				harness.AssertGranted(t, service.Issue(t, harness.InstallID(n), from(n)), n)
			}
			refused := service.Issue(t, harness.InstallID(limit), from(limit),
				harness.Header{"X-Request-ID", "refused"})
			harness.AssertThrottled(t, refused, "60")
			assert.Equal(t, `"ip";r=32, "network";r=0;t=60, "install_id";r=4`,
				refused.Header.Get("RateLimit"))
			line := service.Log.AwaitLine(t, "refused", func(line harness.Line) bool {
				return line.Event() == throttledEvent
			})
			assert.Equal(t, "network", line.String("dimension"))
			assert.EqualValues(t, 1, service.Metric(t,
				`offload_session_throttled_total{dimension="network",mode="enforce"}`))
			harness.AssertGranted(t, service.Issue(t, harness.InstallID(limit),
				harness.ForwardedFor(network.next)))
		})
	}
}

// TestCrowdDoesNotReturnTogether refuses a crowd behind one address. Each installation has a wait
// of its own, of a window's spread, and the same from every replica with the same digest key.
func TestCrowdDoesNotReturnTogether(t *testing.T) {
	t.Parallel()
	const crowd = 100
	env := harness.BehindProxy(harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret})
	var waits [2]map[string]int
	for replica := range waits {
		waits[replica] = map[string]int{}
		service := harness.Serve(t, env)
		service.Token(t, "install-first", harness.FromClient(1))
		for n := range crowd {
			answer := service.Issue(t, harness.InstallID(n), harness.FromClient(1))
			harness.AssertThrottled(t, answer, "60")
			wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
			assert.NoError(t, err)
			waits[replica][harness.InstallID(n)] = wait
		}
	}
	assert.Equal(t, waits[0], waits[1])
	different := map[int]int{}
	for _, wait := range waits[0] {
		different[wait]++
	}
	assert.Greater(t, len(different), 30, "of 60 seconds")
	for wait, count := range different {
		assert.LessOrEqual(t, count, 10, "%d s", wait)
	}
}

// TestOtherErrorsUseUpNothing shows that requests which fail for other reasons do not count
// against the limits.
func TestOtherErrorsUseUpNothing(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(
		harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}))
	for _, answer := range []harness.Response{
		service.Send(t, "GET", harness.IssuePath, "", harness.FromClient(1)),
		service.Send(t, "POST", harness.IssuePath+"/", harness.IssueBody("install-12345"),
			harness.FromClient(1)),
		service.Send(t, "POST", harness.IssuePath, harness.IssueBody("install-12345"),
			harness.FromClient(1),
			harness.Header{"Content-Type", "text/plain"}),
		service.Send(t, "POST", harness.IssuePath, harness.IssueBody("short"),
			harness.FromClient(1)),
		service.Send(t, "POST", harness.IssuePath, strings.Repeat(" ", 20_000),
			harness.FromClient(1)),
	} {
		assert.GreaterOrEqual(t, answer.Status, 400)
		assert.Empty(t, answer.Header.Values("RateLimit"))
	}
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1)))
}

// TestWallClockStepsDoNotAffectLimits shows that windows use a clock that never steps.
func TestWallClockStepsDoNotAffectLimits(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for range 4 {
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1)))
	}
	service.Clock.Step(24 * time.Hour)
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(1)), "60")
	service.Clock.Step(-48 * time.Hour)
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(1)), "60")
	service.Clock.Advance(time.Minute)
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1)))
}

func TestObserveModeRefusesNoRequest(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t,
		harness.BehindProxy(harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "observe"}))
	for range 4 {
		answer := service.Issue(t, "install-12345", harness.FromClient(1))
		harness.AssertGranted(t, answer)
		assert.NotEmpty(t, answer.Header.Get("RateLimit"))
		assert.NotEmpty(t, answer.Header.Get("RateLimit-Policy"))
	}
	for range 3 {
		answer := service.Issue(t, "install-12345", harness.FromClient(1),
			harness.Header{"X-Request-ID", "observed"})
		assert.Equal(t, http.StatusOK, service.Current(t,
			harness.Bearer(answer.Session(t).Token)).Status, "the session must be valid")
		for _, name := range []string{"RateLimit", "RateLimit-Policy", "Retry-After"} {
			assert.Empty(t, answer.Header.Values(name), name)
		}
	}
	line := service.Log.Await(t, "session_issuance_throttled")
	assert.Equal(t, "observe", line.String("mode"))
	assert.Equal(t, "install_id", line.String("dimension"))
	assert.Equal(t, "observed", line.String("request_id"))
	assert.Equal(t, 60, line.Int("retry_after_seconds"))
	assert.EqualValues(t, 3, service.Metric(t,
		`offload_session_throttled_total{dimension="install_id",mode="observe"}`))
	assert.Zero(t, service.Metric(t,
		`offload_session_throttled_total{dimension="install_id",mode="enforce"}`))
	assert.EqualValues(t, 7, service.Metric(t, `offload_sessions_issued_total{kind="new"}`))

	// Requests that would have been refused used up nothing.
	answer := service.Issue(t, "install-67890", harness.FromClient(1))
	assert.Equal(t, `"ip";r=27;t=60, "network";r=2043;t=60, "install_id";r=3;t=60`, answer.Header.Get("RateLimit"))
	// An outage causes no refusal in this mode either, but a missing key does.
	unserved := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "observe"},
		harness.FailingLimiter())
	harness.AssertGranted(t, unserved.Issue(t, "install-12345"))
	keyless := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "observe"},
		harness.PendingKeyUntil(t, harness.Noon.Add(time.Hour)))
	assert.Equal(t, "service_unavailable", keyless.Issue(t, "install-12345").Code())
}

// TestConfiguredLimits shows that an operator's limits are enforced as exactly as the
// defaults.
func TestConfiguredLimits(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "3", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK":    "5",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400",
	}))
	answer := service.Issue(t, "install-12345", harness.FromClient(1))
	assert.Equal(t, `"ip";q=3;w=86400, "network";q=5;w=86400, "install_id";q=1;w=86400`,
		answer.Header.Get("RateLimit-Policy"))
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(2)), "86400")
	service.Clock.Advance(24*time.Hour - time.Nanosecond)
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(2)), "1")
	service.Clock.Advance(time.Nanosecond)
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(2)))
}
