package faults_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// world is two replicas that share a storage under an outage policy, and the fault to inject.
type world struct {
	fault   fault
	policy  string
	timeout time.Duration // of the replicas' decisions
	*store
	replicas [2]*replica
	load     *load
	ready    *readiness
	// rush keeps the processors busy, where the fault is that.
	rush *rush
	// before is the resource usage of the replicas before the fault.
	before [2]size
}

// newWorld starts the storage, the replicas and the load.
func newWorld(t testing.TB, f fault, policy string, timeout time.Duration) *world {
	t.Helper()
	w := &world{fault: f, policy: policy, timeout: timeout, store: f.start(t)}
	for i := range w.replicas {
		w.replicas[i] = startSharingReplica(t,
			environment(w.url(i, password), policy, timeout).With(w.env))
	}
	w.ready = watchReadiness(t, w.replicas[:]...)
	w.load = startLoad(t, rules{policy: policy, busy: f.starves}, w.replicas[:]...)
	return w
}

// affected returns the replicas that notice the fault.
func (w *world) affected() []*replica {
	switch {
	case w.fault.harmless:
		return nil
	case w.fault.oneReplica:
		return w.replicas[:1]
	}
	return w.replicas[:]
}

// policyDecisions returns how many decisions the policy has made, by replica.
func (w *world) policyDecisions(t testing.TB) (decisions [2]int) {
	t.Helper()
	for i, r := range w.replicas {
		_, decisions[i] = r.outage(t, w.policy)
	}
	return decisions
}

// awaitOutage waits until each affected replica has logged an outage.
func (w *world) awaitOutage(t testing.TB) {
	t.Helper()
	for _, r := range w.affected() {
		line := r.Log.Await(t, "limiter_outage_started")
		assert.Equal(t, "ERROR", line.String("level"))
		assert.Equal(t, w.policy, line.String("policy"))
		assert.NotEmpty(t, line.String("cause"))
	}
}

// awaitRecovery waits until each affected replica shares its decisions again.
func (w *world) awaitRecovery(t testing.TB) {
	t.Helper()
	if w.fault.partial {
		w.settle(t)
		return
	}
	for _, r := range w.affected() {
		line := r.Log.Await(t, "limiter_outage_ended")
		assert.Equal(t, "INFO", line.String("level"))
		assert.Equal(t, w.policy, line.String("policy"))
	}
}

// settle waits until the policy has made no decision during 200 answers.
func (w *world) settle(t testing.TB) {
	t.Helper()
	harness.Poll(t, "the storage decides for all subjects", func() bool {
		before := w.policyDecisions(t)
		w.load.more(t, 200)
		for i, r := range w.replicas {
			if out, decisions := r.outage(t, w.policy); out || decisions != before[i] {
				return false
			}
		}
		return true
	})
}

// requireShared sends requests of new subjects to the replicas in turn, and requires that each
// replica knows of the other's grants.
func (w *world) requireShared(t testing.TB, when string) {
	t.Helper()
	host := 0
	newAddress := func() string {
		host++
		return network6(sharedCheckNetworks+len(when), host)
	}
	grants := func(limit int, caller func(i int) caller) (granted int) {
		for i := range limit + 4 {
			from := caller(i)
			answer := w.replicas[i%2].Issue(t, from.id, harness.ForwardedFor(from.address))
			verdict := judge(answer, nil, rules{policy: w.policy})
			require.Empty(t, verdict.violation)
			require.False(t, verdict.byPolicy, "%d %s", answer.Status, answer.Body)
			if verdict.granted {
				granted++
			}
		}
		return granted
	}
	assert.Equal(t, perInstall, grants(perInstall, func(int) caller {
		return newCaller("fresh "+when, newAddress())
	}), "grants of one installation %s the fault", when)
	address := newAddress()
	assert.Equal(t, perAddress, grants(perAddress, func(i int) caller {
		return newCaller(fmt.Sprint("of one address ", when, i), address)
	}), "grants of one address %s the fault", when)
}

// requireBounded requires that no subject was granted more than the policy promises, and returns
// the most that one subject was granted, as a multiple of its limit.
func (w *world) requireBounded(t testing.TB, counted *tally) (maxLimits float64) {
	t.Helper()
	times := 1
	if w.policy == local && !w.fault.harmless {
		times = len(w.replicas) + 1
	}
	if w.fault.losesData {
		times++
	}
	require.NotEmpty(t, counted.grants)
	for subject, granted := range counted.grants {
		limit := perAddress
		if strings.HasPrefix(subject, idMark) {
			limit = perInstall
		}
		assert.LessOrEqual(t, granted, times*limit, "%s", subject)
		maxLimits = max(maxLimits, float64(granted)/float64(limit))
	}
	return maxLimits
}

// requireReported requires that each replica's log and metrics report the outages that happened.
func (w *world) requireReported(t testing.TB, counted *tally) {
	t.Helper()
	for i, r := range w.replicas {
		var events []string
		for _, line := range r.Log.Lines() {
			if event := line.Event(); strings.HasPrefix(event, "limiter_outage") {
				events = append(events, event)
			}
		}
		pairs := strings.Repeat("limiter_outage_started limiter_outage_ended ", len(events)/2)
		assert.Equal(t, strings.TrimSpace(pairs), strings.Join(events, " "))
		out, decisions := r.outage(t, w.policy)
		assert.False(t, out)
		assert.Empty(t, r.limiterDetail(t))
		assert.Empty(t, r.Log.Of("panic_recovered"))
		switch {
		case !slices.Contains(w.affected(), r):
			assert.Empty(t, events)
			assert.Zero(t, decisions)
			continue
		case w.fault.partial:
			assert.NotEmpty(t, events)
		default:
			assert.Len(t, events, 2)
		}
		if w.policy == local {
			assert.Positive(t, decisions)
		} else {
			assert.Equal(t, counted.byPolicy[i], decisions,
				"decisions of the policy: counted by clients, and by the metric")
		}
	}
}

// causes returns the causes of all outages that the replicas logged, sorted and without duplicates.
func (w *world) causes() []string {
	var causes []string
	for _, r := range w.replicas {
		for _, line := range r.Log.Of("limiter_outage_started") {
			causes = append(causes, line.String("cause"))
		}
	}
	slices.Sort(causes)
	return slices.Compact(causes)
}

// readiness polls the readiness of each replica, as a load balancer does.
type readiness struct {
	stopped  chan struct{}
	running  sync.WaitGroup
	mu       sync.Mutex
	failures []string
	checks   int
}

func watchReadiness(t testing.TB, replicas ...*replica) *readiness {
	r := &readiness{stopped: make(chan struct{})}
	for _, replica := range replicas {
		r.running.Go(func() { r.watch(replica) })
	}
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop ends the polling. It may be called more than once.
func (r *readiness) stop(t testing.TB) {
	select {
	case <-r.stopped:
	default:
		close(r.stopped)
	}
	awaitReturn(t, "the last readiness checks", r.running.Wait)
}

func (r *readiness) watch(replica *replica) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-r.stopped:
			return
		case <-ticker.C:
		}
		answer, err := replica.TryOperations(http.MethodGet, "/readyz")
		r.mu.Lock()
		r.checks++
		if err != nil || answer.Status != http.StatusOK {
			r.failures = append(r.failures, fmt.Sprint(err, answer.Status, answer.Body))
		}
		r.mu.Unlock()
	}
}
