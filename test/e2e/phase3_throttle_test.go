package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// Phase 3: how many sessions an address and an installation get. Only the tests move the clock.

func TestPhase3LimitForAnAddress(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for n := range 8 {
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(n), harness.FromClient(1)), n)
	}
	harness.AssertThrottled(t, service.Issue(t, harness.InstallID(8), harness.FromClient(1)), "60")
	harness.AssertGranted(t, service.Issue(t, harness.InstallID(8), harness.FromClient(2)),
		"another address")

	service.Clock.Advance(60*time.Second - time.Nanosecond)
	harness.AssertThrottled(t, service.Issue(t, harness.InstallID(9), harness.FromClient(1)), "1",
		"a nanosecond before the window's end")
	service.Clock.Advance(time.Nanosecond)
	for n := range 8 {
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(100+n), harness.FromClient(1)),
			"the window is empty again: %d", n)
	}
	harness.AssertThrottled(t, service.Issue(t, harness.InstallID(9), harness.FromClient(1)), "60")
}

func TestPhase3LimitForAnInstallation(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for n := range 4 {
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(n)), n)
	}
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(5)), "60",
		"from any address")
	harness.AssertGranted(t, service.Issue(t, "install-1234", harness.FromClient(5)),
		"another installation")
	harness.AssertGranted(t, service.Issue(t, "install-12345 ", harness.FromClient(6)),
		"an id is never trimmed")
	harness.AssertGranted(t, service.Issue(t, "Install-12345", harness.FromClient(7)),
		"its case is significant")

	service.Clock.Advance(60*time.Second - time.Nanosecond)
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(8)), "1",
		"a nanosecond before the window's end")
	service.Clock.Advance(time.Nanosecond)
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(9)),
		"at the window's end")
}

// TestPhase3WindowSlides shows that each grant leaves the window exactly 60 s after it was made,
// independently of the others.
func TestPhase3WindowSlides(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for n := range 4 {
		if n > 0 {
			service.Clock.Advance(10 * time.Second) // at 0, 10, 20 and 30 s
		}
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(n)), n)
	}
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(10)), "30")
	service.Clock.Advance(29_500 * time.Millisecond) // at 59.5 s
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(11)), "1",
		"half a second must be rounded up")
	service.Clock.Advance(500 * time.Millisecond) // at 60 s
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(12)))
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(13)), "10",
		"the next leaves at 70 s")
	service.Clock.Advance(10 * time.Second)
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(14)))
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(15)), "10")
}

// TestPhase3RetryAfterIsEnough shows that a client which waits for Retry-After is not refused
// again.
func TestPhase3RetryAfterIsEnough(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for n := range 4 {
		service.Clock.Advance(7_300_000_001 * time.Nanosecond)
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(n)), n)
	}
	for n := range 20 {
		answer := service.Issue(t, "install-12345", harness.FromClient(100+n))
		if answer.Status != http.StatusOK {
			wait, err := time.ParseDuration(answer.Header.Get("Retry-After") + "s")
			assert.NoError(t, err)
			service.Clock.Advance(wait)
			answer = service.Issue(t, "install-12345", harness.FromClient(100+n))
		}
		harness.AssertGranted(t, answer, n)
	}
}

func TestPhase3ExactRefusal(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for n := range 4 {
		service.Issue(t, "install-12345", harness.FromClient(1))
		service.Issue(t, harness.InstallID(n), harness.FromClient(1))
		service.Clock.Advance(5*time.Second + time.Millisecond)
	}
	for name, refused := range map[string]struct{ id, address, rateLimit, retryAfter string }{
		// The waits of the address and the installation are equal. Only the log names one of them.
		"both": {"install-12345", "198.51.0.2", `"ip";r=0;t=40, "install_id";r=0;t=40`,
			"40"},
		"address":      {"install-other", "198.51.0.2", `"ip";r=0;t=40, "install_id";r=4`, "40"},
		"installation": {"install-12345", "203.0.113.9", `"ip";r=8, "install_id";r=0;t=40`, "40"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := service.Dial(t)
			conn.Send(t, harness.RawIssue(harness.IssueBody(refused.id), id,
				"X-Forwarded-For: "+refused.address))
			conn.ReadResponse(t, http.MethodPost)
			assert.Equal(t, `HTTP/1.1 429 Too Many Requests
Cache-Control: no-store
Content-Type: application/json
RateLimit: `+refused.rateLimit+`
RateLimit-Policy: "ip";q=8;w=60, "install_id";q=4;w=60
Retry-After: `+refused.retryAfter+`
X-Error-Code: session_rate_limited
X-Request-Id: golden
Content-Length: 114

{"error":{"code":"session_rate_limited","message":"Too many session requests; retry later","request_id":"golden"}}`, conn.Transcript())
		})
	}
}

// TestPhase3RateLimitFields shows that grants report what remains of every limit that was checked.
func TestPhase3RateLimitFields(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	fields := func(answer harness.Response) string {
		t.Helper()
		harness.AssertGranted(t, answer)
		assert.Equal(t, `"ip";q=8;w=60, "install_id";q=4;w=60`,
			answer.Header.Get("RateLimit-Policy"))
		assert.Empty(t, answer.Header.Values("Retry-After"))
		return answer.Header.Get("RateLimit")
	}
	assert.Equal(t, `"ip";r=7;t=60, "install_id";r=3;t=60`,
		fields(service.Issue(t, "install-12345", harness.FromClient(1))))
	service.Clock.Advance(time.Nanosecond)
	assert.Equal(t, `"ip";r=6;t=60, "install_id";r=2;t=60`,
		fields(service.Issue(t, "install-12345", harness.FromClient(1))))
	service.Clock.Advance(time.Second)
	assert.Equal(t, `"ip";r=5;t=59, "install_id";r=3;t=60`,
		fields(service.Issue(t, "install-67890", harness.FromClient(1))))
	assert.Equal(t, `"ip";r=7;t=60, "install_id";r=1;t=59`,
		fields(service.Issue(t, "install-12345", harness.FromClient(2))))
	service.Clock.Advance(58_999_999_999)
	assert.Equal(t, `"ip";r=5;t=1, "install_id";r=1;t=1`,
		fields(service.Issue(t, "install-12345", harness.FromClient(1))),
		"the first grants left just now")
}

// TestPhase3RefusedRequestsUseUpNothing shows that a throttled installation does not use up the
// limit of its address, nor a throttled address the limits of its installations.
func TestPhase3RefusedRequestsUseUpNothing(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for range 4 {
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1)))
	}
	for range 50 {
		harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(1)), "60")
	}
	for n := range 4 {
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(n), harness.FromClient(1)),
			"the address has four left: %d", n)
	}
	for range 50 {
		harness.AssertThrottled(t, service.Issue(t, "install-67890", harness.FromClient(1)), "60")
	}
	for n := range 4 {
		harness.AssertGranted(t, service.Issue(t, "install-67890", harness.FromClient(2+n)),
			"the installation has all four: %d", n)
	}
	assert.EqualValues(t, 11, service.Metric(t, `offload_limiter_subjects{storage="memory"}`),
		"five addresses, six installations")

	service.Clock.Advance(60 * time.Second)
	assert.Zero(t, service.Metric(t, `offload_limiter_subjects{storage="memory"}`),
		"none when the window is empty")
}

// TestPhase3OtherErrorsUseUpNothing shows that requests which fail for other reasons do not count
// against the limits.
func TestPhase3OtherErrorsUseUpNothing(t *testing.T) {
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

// TestPhase3WallClockStepsDoNotAffectLimits shows that windows use a clock that never steps.
func TestPhase3WallClockStepsDoNotAffectLimits(t *testing.T) {
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

func TestPhase3ObserveModeRefusesNoRequest(t *testing.T) {
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
	assert.Equal(t, `"ip";r=3;t=60, "install_id";r=3;t=60`, answer.Header.Get("RateLimit"))
	// An outage causes no refusal in this mode either, but a missing key does.
	unserved := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "observe"},
		harness.FailingLimiter())
	harness.AssertGranted(t, unserved.Issue(t, "install-12345"))
	keyless := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "observe"},
		harness.PendingKeyUntil(t, harness.Noon.Add(time.Hour)))
	assert.Equal(t, "service_unavailable", keyless.Issue(t, "install-12345").Code())
}

// TestPhase3ConfiguredLimits shows that an operator's limits are enforced as exactly as the
// defaults.
func TestPhase3ConfiguredLimits(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "3", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400",
	}))
	answer := service.Issue(t, "install-12345", harness.FromClient(1))
	assert.Equal(t, `"ip";q=3;w=86400, "install_id";q=1;w=86400`,
		answer.Header.Get("RateLimit-Policy"))
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(2)), "86400")
	service.Clock.Advance(24*time.Hour - time.Nanosecond)
	harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(2)), "1")
	service.Clock.Advance(time.Nanosecond)
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(2)))
}
