package limits_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// What the log reports about a flood of refusals, how many lines it writes, and what it never
// contains.

const throttledEvent = "session_issuance_throttled"

func TestTelemetryIsBounded(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	for range 4 {
		harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1)))
	}
	flood := func(requests int) {
		t.Helper()
		for range requests {
			assert.Equal(t, 429, service.Issue(t, "install-12345", harness.FromClient(1)).Status)
		}
	}
	counts := func() []int {
		var counts []int
		for _, line := range service.Log.Of(throttledEvent) {
			counts = append(counts, line.Int("suppressed"))
		}
		return counts
	}

	// Ten lines are written per second, and the rest is counted. The count is written within
	// another second, in a line of its own.
	flood(200)
	service.Clock.Advance(time.Second)
	own := service.Log.AwaitLine(t, "the count of suppressed lines", func(line harness.Line) bool {
		return line.Int("suppressed") > 0
	})
	assert.Equal(t, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 190}, counts())
	assert.Equal(t, []string{"event", "level", "suppressed", "time"}, members(own))

	// That line was one of ten. The remaining count is written at the stop.
	flood(15)
	service.Stop(t)
	require.Equal(t, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 6}, counts()[11:])
	last := service.Log.Of(throttledEvent)[20]
	assert.Equal(t, []string{"event", "level", "suppressed", "time"}, members(last))
}

func TestNextLineReportsSuppressedLines(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(nil))
	total, lines := 0, 0
	for round := range 5 {
		for range 4 {
			service.Issue(t, harness.InstallID(round), harness.FromClient(round))
		}
		for range 30 {
			assert.Equal(t, 429, service.Issue(t, harness.InstallID(round),
				harness.FromClient(round)).Status)
			total++
		}
		service.Clock.Advance(time.Minute)
	}
	assert.EqualValues(t, total, service.Metric(t,
		`offload_session_throttled_total{dimension="install_id",mode="enforce"}`),
		"metrics must count every refusal")
	service.Stop(t)
	for _, line := range service.Log.Of(throttledEvent) {
		if line.String("request_id") != "" {
			lines++
		}
		lines += line.Int("suppressed")
	}
	assert.Equal(t, total, lines, "each refusal must be logged or counted once")
}

// TestTelemetryDoesNotIdentifyClients shows that a line has what an operator needs, and no
// address, install id or token.
func TestTelemetryDoesNotIdentifyClients(t *testing.T) {
	t.Parallel()
	const digestKey = "sT7wPz2Kx9VbNq4RmJ8cYh3LfGd6AuEoX5iM1ZyQpWk="
	env := harness.BehindProxy(harness.Env{"OFFLOAD_LIMITER_DIGEST_KEY": digestKey,
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "1"})
	service := harness.Serve(t, env)
	service.Token(t, "install-12345", harness.FromClient(1))
	token := service.Token(t, "install-of-another", harness.FromClient(9))
	refuse := func(service *harness.InProcess, installID, requestID string,
		headers ...harness.Header) harness.Line {
		t.Helper()
		answer := service.Issue(t, installID,
			append(headers, harness.Header{"X-Request-ID", requestID})...)
		harness.AssertThrottled(t, answer, "60")
		return service.Log.AwaitLine(t, requestID, func(line harness.Line) bool {
			return line.Event() == throttledEvent && line.String("request_id") == requestID
		})
	}
	line := refuse(service, "install-12345", "refused-1", harness.FromClient(1),
		harness.Bearer(token))
	assert.Equal(t, []string{
		"dimension", "event", "install_id_hash", "level", "mode", "path", "request_id",
		"retry_after_seconds", "suppressed", "time",
	}, members(line))
	assert.Equal(t, "WARN", line.String("level"))
	assert.Equal(t, "install_id", line.String("dimension"))
	assert.Equal(t, "enforce", line.String("mode"))
	assert.Equal(t, harness.IssuePath, line.String("path"))
	assert.Equal(t, 60, line.Int("retry_after_seconds"))
	assert.Regexp(t, `^[0-9a-f]{12}$`, line.String("install_id_hash"))

	hash := line.String("install_id_hash")
	assert.Equal(t, hash, refuse(service, "install-12345", "refused-2",
		harness.FromClient(2)).String("install_id_hash"),
		"the hash of an installation must not change")
	service.Token(t, "install-67890", harness.FromClient(3))
	assert.NotEqual(t, hash, refuse(service, "install-67890", "refused-3",
		harness.FromClient(3)).String("install_id_hash"),
		"the hash of another installation must differ")

	replica := harness.Serve(t, env)
	replica.Token(t, "install-12345", harness.FromClient(1))
	assert.Equal(t, hash, refuse(replica, "install-12345", "refused-4",
		harness.FromClient(1)).String("install_id_hash"),
		"replicas with the same key must use the same hash")
	keyless := harness.Serve(t, env.With(harness.Env{"OFFLOAD_LIMITER_DIGEST_KEY": ""}))
	keyless.Token(t, "install-12345", harness.FromClient(1))
	assert.NotEqual(t, hash, refuse(keyless, "install-12345", "refused-5",
		harness.FromClient(1)).String("install_id_hash"), "a random key must give another hash")
}

func TestLineNamesTheLongerWait(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "1",
	}))
	service.Token(t, "install-first", harness.FromClient(1))
	service.Clock.Advance(10 * time.Second)
	service.Token(t, "install-later", harness.FromClient(2))
	for n, refused := range []struct {
		installID string
		address   int
		dimension string
		wait      int
	}{
		{"install-first", 1, "ip", 50}, // equal waits
		{"install-first", 3, "install_id", 50},
		{"install-first", 2, "ip", 60},
		{"install-later", 1, "install_id", 60},
		{"install-later", 2, "ip", 60}, // equal waits
		{"install-other", 1, "ip", 50},
	} {
		requestID := fmt.Sprintf("refused-%d", n)
		answer := service.Issue(t, refused.installID, harness.FromClient(refused.address),
			harness.Header{"X-Request-ID", requestID})
		harness.AssertThrottled(t, answer, fmt.Sprint(refused.wait), requestID)
		line := service.Log.AwaitLine(t, requestID, func(line harness.Line) bool {
			return line.String("request_id") == requestID
		})
		assert.Equal(t, refused.dimension, line.String("dimension"), requestID)
		assert.Equal(t, answer.Header.Get("Retry-After"), fmt.Sprint(line.Int("retry_after_seconds")),
			requestID)
	}
}

// members returns the sorted names of the members of a line.
func members(line harness.Line) []string {
	var names []string
	for name := range line.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
