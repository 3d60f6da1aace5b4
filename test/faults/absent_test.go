package faults_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// TestStartsWithoutItsStorage starts replicas before their storage is there: they serve by the
// policy, and share as soon as it comes.
func TestStartsWithoutItsStorage(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{local, deny, allow} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := &world{policy: policy, timeout: patient, store: oneServer(t)}
			w.store.server.Kill()
			for i := range w.replicas {
				w.replicas[i] = startReplica(t,
					environment(w.store.url(i, password), policy, patient))
			}
			from := newCaller("early", address(1, 1))
			for _, r := range w.replicas {
				line := r.Log.Await(t, "limiter_outage_started")
				assert.Equal(t, "redis: unreachable: connection refused", line.String("cause"))
				assert.Contains(t, r.limiterDetail(t), "the shared storage is out")
				var came []verdict
				for range perInstall + 1 {
					verdict := judge(r.Issue(t, from.id, harness.ForwardedFor(from.address)), nil,
						policy)
					require.Empty(t, verdict.wrong)
					verdict.token = ""
					came = append(came, verdict)
				}
				of := verdict{standIn: true}
				if policy == local {
					of = verdict{granted: true}
				}
				want := []verdict{of, of, of, of, of}
				if policy == local {
					want[perInstall] = verdict{refused: true}
				}
				assert.Equal(t, want, came)
			}
			w.store.server.Restart(t)
			w.awaitSharing(t)
			w.requireShared(t, "afterwards")
			for _, r := range w.replicas {
				assert.Len(t, r.Log.Of("limiter_outage_started"), 1)
				assert.Len(t, r.Log.Of("limiter_outage_ended"), 1)
				assert.Empty(t, r.limiterDetail(t))
				out, decided := r.out(t, policy)
				assert.False(t, out)
				assert.Equal(t, perInstall+1, decided)
			}
		})
	}
}

// TestPasswordIsNeverTold has a password that the storage refuses, and one in a URL that is none,
// told by the service and its commands: as little as one that is right.
func TestPasswordIsNeverTold(t *testing.T) {
	t.Parallel()
	s := oneServer(t)
	const wrong = "wrong-" + password
	told := map[string]string{}
	env := environment(s.url(0, wrong), deny, patient)
	env["OFFLOAD_LOG_LEVEL"] = "debug"

	r := startReplica(t, env)
	line := r.Log.Await(t, "limiter_outage_started")
	assert.Equal(t, "redis: refused: WRONGPASS", line.String("cause"))
	answer := r.Issue(t, idMark, harness.ForwardedFor(fourMark+"1.1"))
	assert.Equal(t, http.StatusServiceUnavailable, answer.Status)
	told["the answer"] = fmt.Sprint(answer.Header, answer.Body)
	told["readiness"] = r.Operations(t, http.MethodGet, "/readyz").Body
	told["metrics"] = r.Operations(t, http.MethodGet, "/metrics").Body
	assert.Equal(t, 0, r.Stop(t))
	told["the log"] = r.Log.Text()
	assert.Contains(t, told["the log"], `"status":503`)

	for _, args := range [][]string{{"config"}, {"check"}, {"check", "--strict"},
		{"check", "--format", "json"}} {
		told[fmt.Sprint(args)] = harness.Run(t, env, args...).Output
	}
	assert.Contains(t, told["[config]"], "[set]")
	assert.Contains(t, told["[check]"], "WRONGPASS", "an operator is told before the start")
	for _, url := range []string{"redis://:" + wrong + "@host:port",
		"http://:" + wrong + "@" + s.addresses[0], s.url(0, wrong) + "/nought",
		"redis://" + wrong} {
		env["OFFLOAD_REDIS_URL"] = url
		for _, args := range [][]string{{}, {"config"}, {"check"}} {
			if url == "redis://"+wrong && len(args) == 0 {
				continue // a name of a host that nobody has: it starts
			}
			told[fmt.Sprint(args, " of ", url)] = harness.Run(t, env, args...).Output
		}
	}
	hunted := quarry(&tally{})
	delete(hunted, "a URL") // the remedy shows one
	for place, text := range told {
		assert.NotEmpty(t, text, "%s", place)
		assert.Empty(t, hunt(hunted, text), "%s: %s", place, text)
	}
}

// TestStopsWhileItsStorageHangs stops a replica whose storage says nothing, with asks under way and
// with a timeout longer than the test may take: it ends well, within its grace, and tells of no
// outage that is its own end.
func TestStopsWhileItsStorageHangs(t *testing.T) {
	t.Parallel()
	const longest = 10 * time.Second // that a decision may take
	for _, timeout := range []time.Duration{50 * time.Millisecond, longest} {
		t.Run(timeout.String(), func(t *testing.T) {
			t.Parallel()
			s := oneServer(t)
			env := environment(s.url(0, password), local, timeout)
			env["OFFLOAD_SHUTDOWN_GRACE_SECONDS"] = "1"
			r := startReplica(t, env)
			require.Equal(t, http.StatusOK, r.Issue(t, "install-before",
				harness.ForwardedFor(fourMark+"1.1")).Status)
			s.server.Hang(t)
			const callers = 4 // enough for an outage, if they counted
			var group sync.WaitGroup
			for caller := range callers {
				group.Go(func() {
					_, _ = r.Try(http.MethodPost, harness.IssuePath,
						harness.IssueBody(fmt.Sprint("install-meanwhile", caller)),
						harness.Header{"Content-Type", "application/json"})
				})
			}
			if timeout == longest {
				// and this question
				await(t, "the ask is under way", func() bool { return r.metrics(t)["offload_http_requests_in_flight"] == callers+1 })
			} else {
				r.Log.Await(t, "limiter_outage_started")
			}
			assert.Equal(t, 0, r.Stop(t))
			group.Wait()
			if timeout == longest {
				assert.Empty(t, r.Log.Of("limiter_outage_started"))
			}
			s.server.Resume(t)
		})
	}
}
