package wire_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/bootstrap"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/leaks"
)

// TestLeaksNothingThatCameIn searches logs, metrics and refusals for texts of the requests, over
// every route and refusal, at the most verbose log level.
func TestLeaksNothingThatCameIn(t *testing.T) {
	t.Parallel()
	search := leaks.New()
	env := harness.BehindProxy(harness.Env{
		"OFFLOAD_LOG_LEVEL": "debug",
		"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"` + harness.StrongSecret + `","old":"` +
			harness.OtherSecret + `"}`,
		"OFFLOAD_LIMITER_DIGEST_KEY":              "uY5rTg8Hq2Wm6Zx9Ns3Ck7Bd1Vf4Jp0LaEoQiRtXy+c=",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":      "8",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "2",
		"OFFLOAD_SESSION_TTL_SECONDS":             "120",
	})
	search.Forbidden["the signing secret"] = harness.StrongSecret
	search.Forbidden["the verifying secret"] = harness.OtherSecret
	search.Forbidden["the digest key"] = env["OFFLOAD_LIMITER_DIGEST_KEY"]

	serve := func(options ...bootstrap.Option) *harness.InProcess {
		return harness.Serve(t, env, options...)
	}
	for name, service := range map[string]*harness.InProcess{
		"sound": serve(), "without a storage": serve(harness.FailingLimiter()),
		"defective": serve(harness.PanickingLimiter()),
		"keyless":   serve(harness.PendingKeyUntil(t, harness.Noon.Add(time.Hour))),
	} {
		search.Probe(t, name, service)
	}
	// The peer's own address, without a proxy.
	search.Forbidden["a peer's address"] = "127.0.0.77"
	direct := harness.Serve(t, harness.Env{"OFFLOAD_LOG_LEVEL": "debug",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"})
	peer := direct.From(t, "127.0.0.77")
	id := search.Mark("an install id of a peer")
	search.Forbidden["a peer's token"] = peer.Token(t, id)
	search.Add("direct", peer.Issue(t, search.Mark("another"),
		append(search.Decoys(), harness.ForwardedFor("198.51.100.99"))...))
	search.Forbidden["an address forwarded by an untrusted peer"] = "198.51.100.99"
	search.Places["metrics: direct"] = direct.Operations(t, http.MethodGet, "/metrics").Body
	direct.Stop(t)
	search.Places["log: direct"] = direct.Log.Text()

	search.Forbidden["the text of a panic"] = harness.LimiterPanic
	assert.Greater(t, len(search.Places), 60)
	assert.Greater(t, len(search.Forbidden), 250)
	assert.Empty(t, search.Found())
	// The log may say why the storage is out; a response must not.
	search.Forbidden = map[string]string{"the text of a driver": harness.LimiterError}
	maps.DeleteFunc(search.Places, func(place, _ string) bool {
		return strings.HasPrefix(place, "log: ")
	})
	assert.Empty(t, search.Found())
}
