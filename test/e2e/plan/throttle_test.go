package plan_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// Phase 3: how many sessions an address and an installation get. Only the tests move the clock.

func TestPhase3LimitForAnAddress(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for n := range 32 {
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(n), harness.FromClient(1)), n)
	}
	harness.AssertThrottled(t, service.Issue(t, harness.InstallID(32), harness.FromClient(1)), "60")
	harness.AssertGranted(t, service.Issue(t, harness.InstallID(32), harness.FromClient(2)),
		"another address")

	service.Clock.Advance(60*time.Second - time.Nanosecond)
	harness.AssertThrottled(t, service.Issue(t, harness.InstallID(99), harness.FromClient(1)), "1",
		"a nanosecond before the window's end")
	service.Clock.Advance(time.Nanosecond)
	for n := range 32 {
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(100+n), harness.FromClient(1)),
			"the window is empty again: %d", n)
	}
	harness.AssertThrottled(t, service.Issue(t, harness.InstallID(99), harness.FromClient(1)), "60")
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

// perAddress is a limit for an address that an installation alone can reach.
const perAddress = 8

// limited returns an environment with that limit, and the digest key by which Retry-After is spread
// over installations.
func limited() harness.Env {
	return harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": strconv.Itoa(perAddress),
		"OFFLOAD_LIMITER_DIGEST_KEY":         harness.OtherSecret,
	})
}

func TestPhase3ExactRefusal(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, limited())
	for n := range 4 {
		service.Issue(t, "install-12345", harness.FromClient(1))
		service.Issue(t, harness.InstallID(n), harness.FromClient(1))
		service.Clock.Advance(5*time.Second + time.Millisecond)
	}
	for name, refused := range map[string]struct{ id, address, rateLimit, retryAfter string }{
		// The waits of the address and the installation are equal, and the address is the first.
		"both": {"install-12345", "198.51.0.2",
			`"ip";r=0;t=40, "network";r=2040;t=40, "install_id";r=0;t=40`, "52"},
		"address": {"install-other", "198.51.0.2",
			`"ip";r=0;t=40, "network";r=2040;t=40, "install_id";r=4`, "88"},
		"installation": {"install-12345", "203.0.113.9",
			`"ip";r=8, "network";r=2048, "install_id";r=0;t=40`, "40"},
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
RateLimit-Policy: "ip";q=8;w=60, "network";q=2048;w=60, "install_id";q=4;w=60
Retry-After: `+refused.retryAfter+`
X-Error-Code: session_rate_limited
X-Request-Id: golden
Content-Length: 114

{"error":{"code":"session_rate_limited","message":"Too many session requests; retry later","request_id":"golden"}}`, conn.Transcript())
		})
	}
}

// TestPhase3RefusedRequestsUseUpNothing shows that a throttled installation does not use up the
// limit of its address, nor a throttled address the limits of its installations.
func TestPhase3RefusedRequestsUseUpNothing(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, limited())
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
	assert.EqualValues(t, 12, service.Metric(t, `offload_limiter_subjects{storage="memory"}`),
		"five addresses, one network, six installations")

	service.Clock.Advance(60 * time.Second)
	assert.Zero(t, service.Metric(t, `offload_limiter_subjects{storage="memory"}`),
		"none when the window is empty")
}
