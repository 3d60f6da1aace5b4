package issue_test

import (
	"container/heap"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// Renewals have limits of their own, apart from those of new sessions.

func TestRenewalChecksLimitsOfItsOwn(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(
		harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}))
	bearer := harness.Bearer(service.Token(t, "install-12345", harness.FromClient(1)))
	harness.AssertThrottled(t, service.Issue(t, "install-67890", harness.FromClient(1)), "60",
		"the address is full")

	for remaining := 1; remaining >= 0; remaining-- {
		answer := service.Issue(t, "install-12345", harness.FromClient(1), bearer)
		harness.AssertGranted(t, answer)
		assert.Equal(t, renewalPolicy, answer.Header.Get("RateLimit-Policy"))
		assert.Equal(t, fmt.Sprintf(`"renewal";r=%d;t=60, "renewal_ip";r=%d;t=60`, remaining,
			9998+remaining), answer.Header.Get("RateLimit"))
		bearer = harness.Bearer(answer.Session(t).Token)
	}
	refused := service.Issue(t, "install-12345", harness.FromClient(1), bearer)
	harness.AssertThrottled(t, refused, "60", "the renewals of the installation are used up")
	assert.Equal(t, `"renewal";r=0;t=60, "renewal_ip";r=9998;t=60`, refused.Header.Get("RateLimit"))
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(2)),
		"its new sessions are not")
	assert.EqualValues(t, 2, service.Metric(t, `offload_sessions_issued_total{kind="renewed"}`))
	assert.EqualValues(t, 2, service.Metric(t, `offload_sessions_issued_total{kind="new"}`))
	assert.EqualValues(t, 1, service.Metric(t,
		`offload_session_throttled_total{dimension="renewal",mode="enforce"}`))
	assert.Zero(t, service.Metric(t,
		`offload_token_verifications_total{outcome="valid",reason=""}`),
		"the token of a renewal does not count as a verification")
}

// renewalPolicy is the RateLimit-Policy of a renewal, with the default limits.
const renewalPolicy = `"renewal";q=2;w=60, "renewal_ip";q=10000;w=60`

// TestStrangerCannotBarARenewal has a stranger that knows an install id request sessions in its
// name, until it is refused.
func TestStrangerCannotBarARenewal(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	held := harness.Bearer(service.Token(t, "install-12345", harness.FromClient(1)))
	for n := range 3 {
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(2+n)))
	}
	for n := range 20 {
		harness.AssertThrottled(t, service.Issue(t, "install-12345", harness.FromClient(2+n)), "60")
	}
	harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1), held))
}

// TestCollectedSessionsAreBoundForAnAddress has one address renew more sessions than its limit
// allows, which it collected elsewhere.
func TestCollectedSessionsAreBoundForAnAddress(t *testing.T) {
	t.Parallel()
	const limit, collected = 50, 120
	service := harness.Serve(t, harness.BehindProxy(
		harness.Env{"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP": "50"}))
	renewed := 0
	for n := range collected {
		bearer := harness.Bearer(service.Token(t, harness.InstallID(n), harness.FromClient(n)))
		for range 2 {
			answer := service.Issue(t, harness.InstallID(n), harness.ForwardedFor("203.0.113.1"),
				bearer)
			if answer.Status == http.StatusOK {
				renewed++
				continue
			}
			harness.AssertThrottled(t, answer, "60")
			assert.Contains(t, answer.Header.Get("RateLimit"), `"renewal_ip";r=0;t=60`)
		}
	}
	assert.Equal(t, limit, renewed)
	assert.EqualValues(t, 2*collected-limit, service.Metric(t,
		`offload_session_throttled_total{dimension="renewal_ip",mode="enforce"}`))
}

// TestUnusableTokensCountAsNew shows that a request with any other token counts as a new
// session and never gets a 401.
func TestUnusableTokensCountAsNew(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	own := service.Token(t, "install-12345", harness.FromClient(1))
	another := service.Token(t, "install-67890", harness.FromClient(1))
	stranger := harness.Serve(t, nil).Token(t, "install-12345")
	for name, headers := range map[string][]harness.Header{
		"no token":                        nil,
		"a token of another installation": {harness.Bearer(another)},
		"a token of another issuer":       {harness.Bearer(stranger)},
		"no Authorization header":         {harness.Bearer("x")},
		"another scheme":                  {{"Authorization", "Basic " + own}},
		"two headers":                     {harness.Bearer(own), harness.Bearer(own)},
		"text after the token":            {harness.Bearer(own + " x")},
		"a very long token":               {harness.Bearer(strings.Repeat("A", 8000))},
		"a signature altered":             {harness.Bearer(own[:len(own)-4] + "AAAA")},
		"an empty header":                 {{"Authorization", ""}},
		"a scheme without a token":        {{"Authorization", "Bearer"}},
	} {
		service.Clock.Advance(time.Minute)
		answer := service.Issue(t, "install-12345", append(headers, harness.FromClient(2))...)
		harness.AssertGranted(t, answer, name)
		assert.Equal(t, `"ip";r=31;t=60, "network";r=2047;t=60, "install_id";r=3;t=60`, answer.Header.Get("RateLimit"),
			name)
	}
}

func TestRenewalWithinTheGrace(t *testing.T) {
	t.Parallel()
	const lifetime, grace = time.Hour, 7 * 24 * time.Hour
	for name, late := range map[string]struct {
		by      time.Duration
		renewal bool
	}{
		"when the session expires":                {lifetime, true},
		"at the end of the grace":                 {lifetime + grace, true},
		"a nanosecond after the grace":            {lifetime + grace + time.Nanosecond, false},
		"a day before the end of the grace":       {lifetime + grace - 24*time.Hour, true},
		"a nanosecond before the session expires": {lifetime - time.Nanosecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			service := harness.Serve(t, harness.BehindProxy(nil))
			bearer := harness.Bearer(service.Token(t, "install-12345", harness.FromClient(1)))
			service.Clock.Advance(late.by)
			answer := service.Issue(t, "install-12345", harness.FromClient(1), bearer)
			harness.AssertGranted(t, answer)
			assert.Equal(t, late.renewal, answer.Header.Get("RateLimit") == `"renewal";r=1;t=60, "renewal_ip";r=9999;t=60`,
				answer.Header.Get("RateLimit"))
			if late.by >= lifetime {
				assert.Equal(t, "expired_token", service.Current(t, bearer).Code(),
					"an expired token is good for a renewal only")
			}
		})
	}
	t.Run("without a grace", func(t *testing.T) {
		service := harness.Serve(t, harness.BehindProxy(
			harness.Env{"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS": "0"}))
		bearer := harness.Bearer(service.Token(t, "install-12345", harness.FromClient(1)))
		service.Clock.Advance(lifetime + time.Nanosecond)
		answer := service.Issue(t, "install-12345", harness.FromClient(1), bearer)
		assert.Equal(t, `"ip";r=31;t=60, "network";r=2047;t=60, "install_id";r=3;t=60`, answer.Header.Get("RateLimit"))
	})
}

// TestFleetBehindOneAddressRenewsAllDay shows that the phones of an office renew behind one
// address for a whole working day, each after its refresh_after, without a refusal, although they
// are more in a minute than the limit for an address; new installations from that address get
// exactly that limit.
func TestFleetBehindOneAddressRenewsAllDay(t *testing.T) {
	t.Parallel()
	const phones, day = 500, 8 * time.Hour
	service := harness.Serve(t, harness.BehindProxy(nil))
	office := harness.ForwardedFor("203.0.113.1")
	renewals, newcomers := 0, 0

	// Each phone got its first session at noon from an address of its own, and then moved to the
	// office.
	var due queue
	for n := range phones {
		session := service.Issue(t, harness.InstallID(n), harness.FromClient(n)).Session(t)
		due = append(due, phone{n, session.Token,
			time.Duration(session.RefreshAfter) * time.Second})
	}
	heap.Init(&due)
	service.Clock.Advance(time.Minute)

	now := time.Minute
	nextNewcomers := time.Hour
	for due[0].at < day {
		if nextNewcomers <= due[0].at {
			service.Clock.Advance(nextNewcomers - now)
			now, nextNewcomers = nextNewcomers, nextNewcomers+time.Hour
			for n := range 40 {
				answer := service.Issue(t, fmt.Sprintf("newcomer-%d", newcomers), office)
				newcomers++
				if n < 32 {
					harness.AssertGranted(t, answer)
				} else {
					harness.AssertThrottled(t, answer, "60")
				}
			}
			continue
		}
		service.Clock.Advance(due[0].at - now)
		now = due[0].at
		answer := service.Issue(t, harness.InstallID(due[0].number), office,
			harness.Bearer(due[0].token))
		require.Equal(t, http.StatusOK, answer.Status, "phone %d at %s", due[0].number, now)
		require.Equal(t, renewalPolicy, answer.Header.Get("RateLimit-Policy"))
		renewals++
		session := answer.Session(t)
		require.GreaterOrEqual(t, session.RefreshAfter, 2520)
		require.LessOrEqual(t, session.RefreshAfter, 3240)
		due[0].token = session.Token
		due[0].at = now + time.Duration(session.RefreshAfter)*time.Second
		if renewals%100 == 0 {
			due[0].at += 2 * time.Hour // a phone that sleeps until its session has expired
		}
		heap.Fix(&due, 0)
	}
	assert.GreaterOrEqual(t, renewals, 7*phones)
	assert.EqualValues(t, renewals, service.Metric(t,
		`offload_sessions_issued_total{kind="renewed"}`))
	for _, dimension := range []string{"install_id", "network", "renewal", "renewal_ip"} {
		assert.Zero(t, service.Metric(t, fmt.Sprintf(
			`offload_session_throttled_total{dimension=%q,mode="enforce"}`, dimension)))
	}
	assert.EqualValues(t, newcomers/5, service.Metric(t,
		`offload_session_throttled_total{dimension="ip",mode="enforce"}`))
	assert.Zero(t, service.Metric(t, `offload_limiter_forgotten_total{storage="memory"}`))
}

// phone is a phone and the time of its next renewal.
type phone struct {
	number int
	token  string
	at     time.Duration
}

// queue is a heap of phones, ordered by the time of the next renewal.
type queue []phone

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(phone)) }
func (q *queue) Pop() any          { panic("not used") }
