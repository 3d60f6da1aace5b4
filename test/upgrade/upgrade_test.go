package upgrade

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// fleet is a replica of the version before and one of the present version, which share Redis and a
// keyset.
type fleet struct {
	binary   string // of the version before
	env      harness.Env
	old, new *harness.Process
}

// TestVersionsWorkTogether runs the version before beside the present one. They count grants
// together, accept and renew each other's sessions, and follow what either's commands do to the
// keyset.
func TestVersionsWorkTogether(t *testing.T) {
	before := find(t)
	t.Run(before.about, func(t *testing.T) {
		f := &fleet{binary: before.build(t)}
		f.start(t)
		f.shareLimits(t)
		f.acceptEachOther(t)
		f.rotateAndRevoke(t)
		f.rollBack(t)
	})
}

// start creates a keyset with the old command, and starts a replica of each version with one
// configuration.
func (f *fleet) start(t *testing.T) {
	server := redisserver.Start(t)
	f.env = harness.BehindProxy(harness.KeysetFile(filepath.Join(t.TempDir(), "keyset.json")).Env(
		harness.Env{
			"OFFLOAD_ENVIRONMENT":     "production",
			"OFFLOAD_HTTP_ADDR":       "127.0.0.1:0",
			"OFFLOAD_OPS_ADDR":        "127.0.0.1:0",
			"OFFLOAD_LIMITER_STORAGE": "redis", "OFFLOAD_REDIS_URL": server.URL(),
			"OFFLOAD_LIMITER_DIGEST_KEY":                 harness.OtherSecret,
			"OFFLOAD_REDIS_TIMEOUT_MS":                   "10000",
			"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400",
		}))
	f.oldCommand(t, "keys", "create")
	f.old = harness.StartCommand(t, f.env, exec.Command(f.binary))
	f.new = harness.Start(t, f.env)
	for _, replica := range f.both() {
		f.sharing(t, replica)
	}
}

// sharing waits until Redis decides for a replica: a loaded machine may begin with an outage.
func (f *fleet) sharing(t *testing.T, replica *harness.Process) {
	harness.Poll(t, "Redis decides", func() bool {
		return replica.Metric(t, `offload_limiter_outage{policy="local"}`) == 0
	})
}

func (f *fleet) both() []*harness.Process { return []*harness.Process{f.old, f.new} }

// oldCommand runs a command of the version before, which must succeed.
func (f *fleet) oldCommand(t *testing.T, args ...string) {
	t.Helper()
	exit := harness.RunOther(t, f.binary, f.env, args...)
	require.Zero(t, exit.Status, "%s", exit.Output)
}

// shareLimits takes the grants of an installation from both in turn.
func (f *fleet) shareLimits(t *testing.T) {
	client := harness.FromClient(1)
	for n := range 4 {
		harness.AssertGranted(t, f.both()[n%2].Issue(t, "install-12345", client), "grant %d", n+1)
	}
	for _, replica := range f.both() {
		assert.Equal(t, http.StatusTooManyRequests,
			replica.Issue(t, "install-12345", client).Status)
	}
}

// acceptEachOther has each verify and renew a session of the other.
func (f *fleet) acceptEachOther(t *testing.T) {
	client := harness.FromClient(2)
	for n, replica := range f.both() {
		other := f.both()[1-n]
		token := replica.Token(t, harness.InstallID(n), client)
		assert.Equal(t, http.StatusOK, other.Current(t, harness.Bearer(token)).Status)
		renewed := other.Token(t, harness.InstallID(n), client, harness.Bearer(token))
		assert.EqualValues(t, 1, other.Metric(t, `offload_sessions_issued_total{kind="renewed"}`))
		assert.Equal(t, http.StatusOK, replica.Current(t, harness.Bearer(renewed)).Status)
	}
}

// rotateAndRevoke rotates with the old command and revokes with the new one. Both follow.
func (f *fleet) rotateAndRevoke(t *testing.T) {
	n := 10
	issue := func(replica *harness.Process) (token, key string) {
		n++
		token = replica.Token(t, harness.InstallID(n), harness.FromClient(n))
		var session struct {
			Key string `json:"key_id"`
		}
		replica.Current(t, harness.Bearer(token)).Decode(t, &session)
		return token, session.Key
	}
	first, oldKey := issue(f.old)
	f.oldCommand(t, "keys", "rotate", "--sign-after", "1s", "--force")
	for at, replica := range f.both() {
		harness.Poll(t, "the new key signs", func() bool {
			token, key := issue(replica)
			assert.Equal(t, http.StatusOK,
				f.both()[1-at].Current(t, harness.Bearer(token)).Status, "during the rotation")
			return key != oldKey
		})
		assert.Equal(t, http.StatusOK, replica.Current(t, harness.Bearer(first)).Status,
			"sessions of the first key are valid")
	}
	harness.KeysCommand(t, f.env, "revoke", oldKey)
	for _, replica := range f.both() {
		harness.Poll(t, "sessions of the revoked key are invalid", func() bool {
			return replica.Current(t, harness.Bearer(first)).Status == http.StatusUnauthorized
		})
	}
}

// rollBack starts the old version with what the new one has left, and finds its grants counted.
func (f *fleet) rollBack(t *testing.T) {
	assert.Zero(t, f.old.Stop(t))
	token := f.new.Token(t, "install-rolled-back", harness.FromClient(3))
	assert.Zero(t, f.new.Stop(t))
	f.old = harness.StartCommand(t, f.env, exec.Command(f.binary))
	f.sharing(t, f.old)
	assert.Equal(t, http.StatusOK, f.old.Current(t, harness.Bearer(token)).Status)
	assert.Equal(t, http.StatusTooManyRequests,
		f.old.Issue(t, "install-12345", harness.FromClient(1)).Status)
}
