package keys_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// lead is how far ahead the test plans changes of keys: well beyond the time in which a keyset that
// is written now is in force in both replicas, on a busy machine too.
const lead = 6 * time.Second

// rotation is two replicas with one keyset, a crowd that uses them, and a driver that changes the
// keyset.
type rotation struct {
	env      harness.Env
	volume   *volume
	services [replicas]*harness.Process
	load     *load
	history  history
	driver   *client
	// reloads and faults count the log lines that there must be so far.
	reloads, faults int
}

func newRotation(t *testing.T, first ...keys.Key) *rotation {
	t.Helper()
	r := &rotation{volume: newVolume(t, harness.KeysetText(t, first...))}
	r.env = harness.Env{
		"OFFLOAD_ENVIRONMENT":                        "production",
		"OFFLOAD_SESSION_KEYSET_FILE":                r.volume.path(),
		"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS":      "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK":    "0",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL":  "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "1",
	}
	r.history = history{{plans: plansIn(t, r.volume.text(t))}}
	for n := range r.services {
		r.services[n] = harness.Start(t, r.env)
	}
	r.driver = newClient(t, r.services, "install-driver")
	r.load = newLoad(t, r.services, 12, 1)
	return r
}

// change calls write, which must install a valid keyset, and waits until both replicas log that
// they have loaded it.
func (r *rotation) change(t *testing.T, write func()) {
	t.Helper()
	begun := wall()
	write()
	r.history = append(r.history, epoch{begun: begun, plans: plansIn(t, r.volume.text(t)),
		inForce: nowhere})
	for n, service := range r.services {
		line := r.next(t, service, "keys_reloaded")
		loaded, err := time.Parse(time.RFC3339Nano, line.String("time"))
		require.NoError(t, err)
		r.history[len(r.history)-1].inForce[n] = loaded
	}
	r.reloads++
}

// command returns a function that runs a sessiond keys command on the keyset.
func (r *rotation) command(t *testing.T, args ...string) func() {
	return func() { harness.KeysCommand(t, r.env, args...) }
}

// breaks calls write, which must make the keyset invalid, and waits until both replicas have logged
// that once. They keep the last good keyset.
func (r *rotation) breaks(t *testing.T, cause string, write func()) {
	t.Helper()
	write()
	for _, service := range r.services {
		line := r.next(t, service, "keys_reload_failed")
		assert.Contains(t, line.String("cause"), cause)
		assert.EqualValues(t, r.faults+1, service.Metric(t, "offload_keys_reload_failures_total"))
		status, found := service.Readiness(t)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t,
			"ready: the keyset file could not be reloaded: the last good one is in force",
			found["keyset"])
	}
	r.faults++
	r.load.awaitRound(t)
}

// next returns the next reload line of a replica, which must be of that event.
func (r *rotation) next(t *testing.T, service *harness.Process, event string) harness.Line {
	t.Helper()
	seen := 0
	line := service.Log.AwaitLine(t, event, func(line harness.Line) bool {
		if strings.HasPrefix(line.Event(), "keys_reload") {
			seen++
		}
		return seen == r.reloads+r.faults+1
	})
	require.Equal(t, event, line.Event(), "%s", line.Text)
	return line
}

// awaitSigner has both replicas issue sessions until kid signs them.
func (r *rotation) awaitSigner(t *testing.T, kid keys.ID) {
	t.Helper()
	for replica := range replicas {
		harness.Poll(t, fmt.Sprintf("%s signs in replica %d", kid, replica), func() bool {
			return r.driver.issue(replica, heldToken{}).Kid == kid
		})
	}
	r.load.awaitRound(t)
}

// awaitEnd presents a token of kid to both replicas until it is refused.
func (r *rotation) awaitEnd(t *testing.T, kid keys.ID) {
	t.Helper()
	held := r.driver.held[slices.IndexFunc(r.driver.held, func(held heldToken) bool {
		return held.Kid == kid
	})]
	for replica := range replicas {
		harness.Poll(t, fmt.Sprintf("%s is refused in replica %d", kid, replica), func() bool {
			return r.driver.verify(askedForCurrent, replica, held) != http.StatusOK
		})
	}
	r.load.awaitRound(t)
}

// soon returns a whole second that is lead ahead.
func soon() time.Time { return wall().Truncate(time.Second).Add(lead).UTC() }

// TestKeysRotateUnderLoad covers the life of keys under load: planned changes happen at their
// instant in both replicas, revoked keys end, invalid files change nothing, and every response to
// the crowd is the one that the oracle expects.
//
// It is not parallel: it depends on the wall clock.
func TestKeysRotateUnderLoad(t *testing.T) {
	long := wall().Add(-time.Hour).Truncate(time.Second)
	a := harness.HS256Key("a", harness.StrongSecret, long)
	evil := harness.KeysetText(t, a.WithPlan(keys.Plan{SignFrom: long, Revoked: true}),
		harness.HS256Key("evil", harness.OtherSecret, long))
	r := newRotation(t, a)
	var first, second, third, ends time.Time
	defer func() {
		seen := r.judge(t) // in any case, because the responses show why the driver failed
		if !t.Failed() {
			r.assertSeen(t, seen, map[keys.ID]bool{"a": true, "b": true, "c": true, "d": false,
				"e": true}, first, second, third, ends)
			r.assertLogged(t)
		}
	}()
	r.awaitSigner(t, "a")

	// A rotation is planned. Before, during and after it, the file is made invalid in every way.
	r.change(t, r.command(t, "rotate", "--kid", "b", "--alg", "EdDSA", "--sign-after", "3s",
		"--force"))
	good, b := r.volume.text(t), r.volume.key(t, "b")
	first = b.Plan().SignFrom
	r.breaks(t, "is not JSON", func() { r.volume.publish(t, "\x00\xff no keyset at all", 0o600) })
	r.breaks(t, "is not found", func() { require.NoError(t, os.Remove(r.volume.data())) })
	r.breaks(t, "may be read or written by others", func() { r.volume.publish(t, evil, 0o666) })
	r.awaitSigner(t, "b")
	r.breaks(t, "is not JSON", func() { r.volume.replace(t, evil[:len(evil)-5]) })
	r.breaks(t, "is not a regular file", func() {
		r.volume.swap(t, func(name string) { require.NoError(t, os.Mkdir(name, 0o755)) })
	})
	r.breaks(t, "holds no key that can sign", func() {
		r.volume.publish(t, harness.KeysetText(t,
			a.WithPlan(keys.Plan{SignFrom: long, Revoked: true})), 0o600)
	})
	r.change(t, func() { r.volume.publish(t, good, 0o600) })
	for _, service := range r.services {
		_, found := service.Readiness(t)
		assert.Equal(t, map[string]string{"service": "ready", "keys": "ready", "keyset": "ready"},
			found)
	}

	// One file plans a takeover and an end at the same instant. Neither needs the file to exist by
	// then.
	second = soon()
	a = a.WithPlan(keys.Plan{SignFrom: long, VerifyUntil: second})
	c := harness.HS256Key("c", harness.OtherSecret, second)
	r.change(t, func() { r.volume.publish(t, harness.KeysetText(t, a, b, c), 0o640) })
	r.breaks(t, "is not found", func() { require.NoError(t, os.Remove(r.volume.path())) })
	r.awaitSigner(t, "c")
	r.awaitEnd(t, "a")
	r.change(t, func() { require.NoError(t, os.Symlink("..data/keyset.json", r.volume.path())) })

	// Leaked keys are revoked: first one that no longer signs, then the signer, with a replacement.
	r.change(t, r.command(t, "revoke", "b"))
	r.awaitEnd(t, "b")
	b = r.volume.key(t, "b")
	c = c.WithPlan(keys.Plan{SignFrom: second, Revoked: true})
	d := harness.ES256Key("d", 4, wall().Truncate(time.Second))
	r.change(t, func() { r.volume.publish(t, harness.KeysetText(t, a, b, c, d), 0o600) })
	r.awaitEnd(t, "c")
	r.awaitSigner(t, "d")

	// A key that ends hands signing back.
	third = soon()
	ends = third.Add(lead)
	e := harness.EdDSAKey("e", 5, third).WithPlan(keys.Plan{SignFrom: third, VerifyUntil: ends})
	r.change(t, func() { r.volume.publish(t, harness.KeysetText(t, a, b, c, d, e), 0o600) })
	r.awaitSigner(t, "e")
	r.awaitEnd(t, "e")
	r.awaitSigner(t, "d")

	// Pruned keys are gone.
	r.change(t, r.command(t, "prune"))
	assert.Equal(t, harness.KeysetText(t, d), r.volume.text(t))
	r.load.awaitRound(t)
}

// judge stops the load and checks every response against the oracle.
func (r *rotation) judge(t *testing.T) []sighting {
	t.Helper()
	seen := append(r.load.stop(), r.driver.seen...)
	var wrong []string
	for _, s := range seen {
		if complaint := r.history.judge(s); complaint != "" {
			wrong = append(wrong, s.from.UTC().Format("15:04:05.000 ")+s.question.String()+" "+
				string(s.bearer)+": "+complaint)
		}
	}
	assert.Empty(t, wrong[:min(len(wrong), 20)], "%d of %d responses", len(wrong), len(seen))
	return seen
}

// assertSeen fails if the crowd has not seen what the test is about, in which case the test would
// show nothing. The ended map says of each key whether it went out of force.
func (r *rotation) assertSeen(t *testing.T, seen []sighting, ended map[keys.ID]bool,
	takeovers ...time.Time) {
	t.Helper()
	type fact struct {
		what    string
		replica int
		about   any
	}
	facts := map[fact]int{}
	for _, s := range seen {
		facts[fact{s.question.String(), s.replica, ""}]++
		switch s.question {
		case askedToIssue:
			facts[fact{"issued", s.replica, s.issued.Kid}]++
			facts[fact{"issued at", s.replica, s.issued.Iat}]++
			facts[fact{"asked for " + s.policy, s.replica, s.bearer}]++
		case askedForCurrent, askedToVerify:
			known := r.history.of(s.bearer, s.replica, s.from, s.to)
			facts[fact{s.question.String() + " " + known.String(), s.replica, s.bearer}]++
			if known == inForce && s.issuedBy != s.replica {
				facts[fact{"the other's", s.replica, s.bearer}]++
			}
		case askedForKeys, askedForReadiness:
		}
	}
	for replica := range replicas {
		for kid, ended := range ended {
			wanted := []string{"issued", "current in force", "verify in force", "the other's",
				"asked for " + renewal}
			if ended {
				wanted = append(wanted, "current out of force", "verify out of force",
					"asked for "+newcomer)
			}
			for _, what := range wanted {
				assert.Positive(t, facts[fact{what, replica, kid}], "%s: %s, replica %d", kid, what,
					replica)
			}
		}
		for _, at := range takeovers {
			assert.Positive(t, facts[fact{"issued at", replica, at.Unix() - 1}],
				"the last second before %s, replica %d", at, replica)
			assert.Positive(t, facts[fact{"issued at", replica, at.Unix()}],
				"the first second from %s on, replica %d", at, replica)
		}
		for _, what := range []question{askedToIssue, askedForCurrent, askedToVerify, askedForKeys,
			askedForReadiness} {
			assert.Greater(t, facts[fact{what.String(), replica, ""}], 100, "%s, replica %d", what,
				replica)
		}
	}
	t.Logf("%d responses", len(seen))
}

// assertLogged fails unless each replica has logged every change and every fault once, and no other
// problem.
func (r *rotation) assertLogged(t *testing.T) {
	t.Helper()
	for _, service := range r.services {
		metrics := service.Operations(t, http.MethodGet, "/metrics").Body
		assert.NotRegexp(t, `_total\{.*status="5\d\d"\} [^0]`, metrics)
		assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="signing"}`))
		assert.Zero(t, service.Stop(t))
		events := map[string]int{}
		for _, line := range service.Log.Lines() {
			if line.Event() == "keys_end_early" {
				continue // the test ends keys early on purpose; how often that shows is a matter of time
			}
			events[strings.TrimSpace(line.String("level")+" "+line.Event())]++
		}
		assert.Equal(t, map[string]int{
			"INFO service_started": 1, "INFO service_stopping": 1, "INFO service_stopped": 1,
			"INFO keys_reloaded": r.reloads, "ERROR keys_reload_failed": r.faults,
		}, events)
	}
}
