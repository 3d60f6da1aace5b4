package faults_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// TestStartsWithoutStorage starts replicas before their storage. They decide by the policy, and
// share their decisions as soon as the storage is there.
func TestStartsWithoutStorage(t *testing.T) {
	t.Parallel()
	for _, policy := range policies {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := &world{policy: policy, timeout: testTimeout, store: oneServer(t)}
			w.server.Kill()
			for i := range w.replicas {
				started, cause := harness.StartOut(t,
					environment(w.url(i, password), policy, testTimeout))
				assert.Equal(t, "redis: unreachable: connection refused", cause)
				w.replicas[i] = &replica{started}
			}
			from := newCaller("early", address(1, 1))
			for _, r := range w.replicas {
				assert.Contains(t, r.limiterDetail(t), "shared storage")
				var got []verdict
				for range perInstall + 1 {
					verdict := judge(r.Issue(t, from.id, harness.ForwardedFor(from.address)), nil,
						rules{policy: policy})
					require.Empty(t, verdict.violation)
					verdict.token = ""
					got = append(got, verdict)
				}
				answer := verdict{byPolicy: true}
				if policy == local {
					answer = verdict{granted: true}
				}
				want := []verdict{answer, answer, answer, answer, answer}
				if policy == local {
					want[perInstall] = verdict{refused: true}
				}
				assert.Equal(t, want, got)
			}
			w.server.Restart(t)
			w.awaitRecovery(t)
			w.requireShared(t, "after")
			for _, r := range w.replicas {
				assert.Len(t, r.Log.Of("limiter_outage_started"), 1)
				assert.Len(t, r.Log.Of("limiter_outage_ended"), 1)
				assert.Empty(t, r.limiterDetail(t))
				out, decisions := r.outage(t, policy)
				assert.False(t, out)
				assert.Equal(t, perInstall+1, decisions)
			}
		})
	}
}

// TestStartsWhileStorageHangs starts replicas whose first probe is not answered in time, as on a
// machine that is slow at the start. They share their decisions as soon as the storage answers.
func TestStartsWhileStorageHangs(t *testing.T) {
	t.Parallel()
	w := &world{policy: local, timeout: testTimeout, store: oneServer(t)}
	w.server.Hang(t)
	for i := range w.replicas {
		w.replicas[i] = startReplica(t, environment(w.url(i, password), local, testTimeout))
		assert.Len(t, w.replicas[i].Log.Of("limiter_outage_started"), 1)
	}
	w.server.Resume(t)
	w.awaitRecovery(t)
	w.requireShared(t, "after")
}

// TestNeverReportsPassword uses a password that the storage rejects, and URLs that are invalid. No
// answer, log or command output of the service contains them.
func TestNeverReportsPassword(t *testing.T) {
	t.Parallel()
	s := oneServer(t)
	const wrong = "wrong-" + password
	outputs := map[string]string{}
	env := environment(s.url(0, wrong), deny, testTimeout)
	env["OFFLOAD_LOG_LEVEL"] = "debug"

	started, cause := harness.StartOut(t, env)
	assert.Equal(t, "redis: refused: WRONGPASS", cause)
	r := &replica{started}
	answer := r.Issue(t, idMark, harness.ForwardedFor(fourMark+"1.1"))
	assert.Equal(t, http.StatusServiceUnavailable, answer.Status)
	outputs["the answer"] = fmt.Sprint(answer.Header, answer.Body)
	outputs["readiness"] = r.Operations(t, http.MethodGet, "/readyz").Body
	outputs["metrics"] = r.Operations(t, http.MethodGet, "/metrics").Body
	assert.Equal(t, 0, r.Stop(t))
	outputs["the log"] = r.Log.Text()
	assert.Contains(t, outputs["the log"], `"status":503`)

	for _, args := range [][]string{{"config"}, {"check"}, {"check", "--strict"},
		{"check", "--format", "json"}} {
		harness.Poll(t, "the command has the storage's answer", func() bool {
			outputs[fmt.Sprint(args)] = harness.Run(t, env, args...).Output
			return !harness.Late(outputs[fmt.Sprint(args)])
		})
	}
	assert.Contains(t, outputs["[config]"], "[set]")
	assert.Contains(t, outputs["[check]"], "WRONGPASS", "check reports the cause before the start")
	for _, url := range []string{
		"redis://:" + wrong + "@host:port", "http://:" + wrong + "@" + s.addresses[0],
		s.url(0, wrong) + "/nought", "redis://" + wrong,
	} {
		env["OFFLOAD_REDIS_URL"] = url
		for _, args := range [][]string{{}, {"config"}, {"check"}} {
			if url == "redis://"+wrong && len(args) == 0 {
				continue // the name of a host that does not exist: the service starts
			}
			outputs[fmt.Sprint(args, " of ", url)] = harness.Run(t, env, args...).Output
		}
	}
	texts := secrets(&tally{})
	delete(texts, "a URL") // the remedy contains an example
	for name, text := range outputs {
		assert.NotEmpty(t, text, "%s", name)
		assert.Empty(t, find(texts, text), "%s: %s", name, text)
	}
}

// TestStopsWhileStorageHangs stops a replica whose storage hangs, with decisions under way, once
// with the default timeout and once with one that outlasts the shutdown grace. The replica ends
// with status 0, and does not report its own end as an outage.
func TestStopsWhileStorageHangs(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{defaultTimeout, testTimeout} {
		t.Run(timeout.String(), func(t *testing.T) {
			t.Parallel()
			s := oneServer(t)
			env := environment(s.url(0, password), local, timeout)
			env["OFFLOAD_SHUTDOWN_GRACE_SECONDS"] = "1"
			start := startReplica
			if timeout == testTimeout {
				start = startSharingReplica
			}
			r := start(t, env)
			require.Equal(t, http.StatusOK, r.Issue(t, "install-before",
				harness.ForwardedFor(fourMark+"1.1")).Status)
			s.server.Hang(t)
			const callers = 4 // enough for an outage, if their failures counted
			var group sync.WaitGroup
			for caller := range callers {
				group.Go(func() {
					_, _ = r.Try(http.MethodPost, harness.IssuePath,
						harness.IssueBody(fmt.Sprint("install-meanwhile", caller)),
						harness.Header{"Content-Type", "application/json"})
				})
			}
			if timeout == testTimeout {
				harness.Poll(t, "the requests are under way", func() bool {
					inFlight := r.metrics(t)["offload_http_requests_in_flight"]
					return inFlight == callers+1 // the request for the metrics is one of them
				})
			} else {
				r.Log.Await(t, "limiter_outage_started")
			}
			assert.Equal(t, 0, r.Stop(t))
			awaitReturn(t, "the callers to have answers or errors", group.Wait)
			lines := r.Log.Lines()
			stopping := slices.IndexFunc(lines, func(line harness.Line) bool {
				return line.Event() == "service_stopping"
			})
			for _, line := range lines[stopping:] {
				assert.NotEqual(t, "limiter_outage_started", line.Event())
			}
			s.server.Resume(t)
		})
	}
}
