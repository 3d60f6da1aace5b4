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

// world is two replicas on one storage, with a fault to come, under a policy.
type world struct {
	fault    fault
	policy   string
	timeout  time.Duration
	store    *store
	replicas [2]*replica
	load     *load
	ready    *readiness
}

// newWorld starts storage and replicas, which must find it well.
func newWorld(t testing.TB, f fault, policy string, timeout time.Duration) *world {
	t.Helper()
	w := &world{fault: f, policy: policy, timeout: timeout, store: f.begin(t)}
	for i := range w.replicas {
		w.replicas[i] = startSharing(t, environment(w.store.url(i, password), policy, timeout))
	}
	w.ready = watchReadiness(t, w.replicas[:]...)
	w.load = startLoad(t, policy, w.replicas[:]...)
	return w
}

// struck are the replicas to which the fault happens.
func (w *world) struck() []*replica {
	switch {
	case w.fault.harmless:
		return nil
	case w.fault.lonely:
		return w.replicas[:1]
	}
	return w.replicas[:]
}

// decided is how often the policy decided, by replica.
func (w *world) decided(t testing.TB) (decided [2]int) {
	t.Helper()
	for i, r := range w.replicas {
		_, decided[i] = r.out(t, w.policy)
	}
	return decided
}

// awaitOutage waits until each replica that is struck has said that the storage is out.
func (w *world) awaitOutage(t testing.TB) {
	t.Helper()
	for _, r := range w.struck() {
		line := r.Log.Await(t, "limiter_outage_started")
		assert.Equal(t, "ERROR", line.String("level"))
		assert.Equal(t, w.policy, line.String("policy"))
		assert.NotEmpty(t, line.String("cause"))
	}
}

// awaitSharing waits until each replica shares its decisions again.
func (w *world) awaitSharing(t testing.TB) {
	t.Helper()
	if w.fault.comesAndGoes {
		w.settle(t)
		return
	}
	for _, r := range w.struck() {
		line := r.Log.Await(t, "limiter_outage_ended")
		assert.Equal(t, "INFO", line.String("level"))
		assert.Equal(t, w.policy, line.String("policy"))
	}
}

// settle waits until the policy has had nothing to decide for a good many answers.
func (w *world) settle(t testing.TB) {
	t.Helper()
	await(t, "the storage is well for all subjects", func() bool {
		before := w.decided(t)
		w.load.more(t, 200)
		for i, r := range w.replicas {
			if out, decided := r.out(t, w.policy); out || decided != before[i] {
				return false
			}
		}
		return true
	})
}

// requireShared has subjects that nobody has seen ask one replica after the other: both know of
// each grant.
func (w *world) requireShared(t testing.TB, when string) {
	t.Helper()
	host := 0
	fresh := func() string {
		host++
		return network6(freshOnes+len(when), host)
	}
	grants := func(limit int, caller func(i int) caller) (granted int) {
		for i := range limit + 4 {
			from := caller(i)
			answer := w.replicas[i%2].Issue(t, from.id, harness.ForwardedFor(from.address))
			verdict := judge(answer, nil, w.policy)
			require.Empty(t, verdict.wrong)
			require.False(t, verdict.standIn, "%d %s", answer.Status, answer.Body)
			if verdict.granted {
				granted++
			}
		}
		return granted
	}
	assert.Equal(t, perInstall, grants(perInstall, func(int) caller {
		return newCaller("fresh "+when, fresh())
	}), "of an installation, %s", when)
	one := fresh()
	assert.Equal(t, perAddress, grants(perAddress, func(i int) caller {
		return newCaller(fmt.Sprint("of one address ", when, i), one)
	}),
		"of an address, %s", when)
}

// requireBounded holds all that was granted against what the policy promises, and tells how many
// limits one subject got at most.
func (w *world) requireBounded(t testing.TB, so *tally) (most float64) {
	t.Helper()
	times := 1
	if w.policy == local {
		times = len(w.replicas) + 1
	}
	if w.fault.loses {
		times++
	}
	if w.fault.harmless {
		times = 1
	}
	require.NotEmpty(t, so.grants)
	for subject, granted := range so.grants {
		limit := perAddress
		if strings.HasPrefix(subject, idMark) {
			limit = perInstall
		}
		assert.LessOrEqual(t, granted, times*limit, "%s", subject)
		most = max(most, float64(granted)/float64(limit))
	}
	return most
}

// requireTold holds what each replica's log and metrics say of the outage against what happened.
func (w *world) requireTold(t testing.TB, so *tally) {
	t.Helper()
	for i, r := range w.replicas {
		var told []string
		for _, line := range r.Log.Lines() {
			if event := line.Event(); strings.HasPrefix(event, "limiter_outage") {
				told = append(told, event)
			}
		}
		pairs := strings.Repeat("limiter_outage_started limiter_outage_ended ", len(told)/2)
		assert.Equal(t, strings.TrimSpace(pairs), strings.Join(told, " "))
		out, decided := r.out(t, w.policy)
		assert.False(t, out)
		assert.Empty(t, r.limiterDetail(t))
		assert.Empty(t, r.Log.Of("panic_recovered"))
		switch {
		case !slices.Contains(w.struck(), r):
			assert.Empty(t, told)
			assert.Zero(t, decided)
			continue
		case w.fault.comesAndGoes:
			assert.NotEmpty(t, told)
		default:
			assert.Len(t, told, 2)
		}
		if w.policy == local {
			assert.Positive(t, decided)
		} else {
			assert.Equal(t, so.standIns[i], decided,
				"what clients saw of the policy, and what the metric says")
		}
	}
}

// causes are what the replicas told operators.
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

// readiness asks each replica all the while whether it is ready, as a balancer does.
type readiness struct {
	stopped chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	wrong   []string
	asked   int
}

func watchReadiness(t testing.TB, replicas ...*replica) *readiness {
	r := &readiness{stopped: make(chan struct{})}
	for _, replica := range replicas {
		r.running.Go(func() { r.watch(replica) })
	}
	t.Cleanup(r.stop)
	return r
}

func (r *readiness) stop() {
	select {
	case <-r.stopped:
	default:
		close(r.stopped)
	}
	r.running.Wait()
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
		r.asked++
		if err != nil || answer.Status != http.StatusOK {
			r.wrong = append(r.wrong, fmt.Sprint(err, answer.Status, answer.Body))
		}
		r.mu.Unlock()
	}
}
