package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// testTimeout is the timeout of replicas that are tested and not measured. It is the longest that
// the configuration allows, so that a loaded machine does not look like an outage.
const testTimeout = 10 * time.Second

// TestFaults injects the most common faults under each policy.
func TestFaults(t *testing.T) {
	t.Parallel()
	testMatrix(t, func(f fault) bool { return f.common })
}

// TestLongFaults injects the faults that TestFaults leaves out. Those that take minutes to heal are
// injected first, before any parallel test, and heal while everything else runs.
func TestLongFaults(t *testing.T) {
	var healing []*world
	for _, f := range faults {
		if !f.slow {
			continue
		}
		for _, policy := range policies {
			w := newWorld(t, f, policy, testTimeout)
			w.breakStorage(t)
			w.load.rest(true)
			healing = append(healing, w)
		}
	}
	t.Parallel()
	t.Run("meanwhile", func(t *testing.T) {
		testMatrix(t, func(f fault) bool { return !f.common && !f.slow && !f.starves })
	})
	for _, w := range healing {
		t.Run(w.fault.name+"/"+w.policy, func(t *testing.T) {
			w.fault.heal(t, w)
			w.load.rest(false)
			w.requireRecovered(t)
		})
	}
}

func testMatrix(t *testing.T, selected func(fault) bool) {
	for _, f := range faults {
		if !selected(f) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, policy := range policies {
				t.Run(policy, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, f, policy, testTimeout)
					w.breakStorage(t)
					f.heal(t, w)
					w.requireRecovered(t)
				})
			}
		})
	}
}

// phaseAnswers is how many answers a phase lasts once it has begun: enough for the hot subjects to
// come many times.
const phaseAnswers = 250

// maxTimeouts is how many timeouts a request may take. It waits for one and a half at most; the
// rest is room for a loaded machine.
const maxTimeouts = 3

// breakStorage injects the fault, and checks what is visible before and during it against the
// contract.
func (w *world) breakStorage(t *testing.T) {
	t.Helper()
	w.load.await(t, "the hot subjects are spent", hotSubjectsSpent)
	w.load.more(t, phaseAnswers)
	w.requireShared(t, "before")
	w.before = [2]size{measure(t, w.replicas[0]), measure(t, w.replicas[1])}
	require.Equal(t, [2]int{}, w.policyDecisions(t), "decisions of the policy before the fault")

	w.fault.inject(t, w)
	w.awaitOutage(t)
	if !w.fault.partial {
		for _, r := range w.affected() {
			out, _ := r.outage(t, w.policy)
			assert.True(t, out)
			assert.Contains(t, r.limiterDetail(t), "shared storage")
		}
	}
	w.load.more(t, 2*phaseAnswers)
}

// requireRecovered checks what is visible after the fault, and altogether, against the contract.
func (w *world) requireRecovered(t *testing.T) {
	t.Helper()
	w.awaitRecovery(t)
	atRecovery := w.policyDecisions(t)
	w.requireShared(t, "after")
	w.load.more(t, phaseAnswers)
	assert.Equal(t, atRecovery, w.policyDecisions(t), "decisions of the policy after the outage")
	for i, r := range w.replicas {
		awaitSize(t, r, w.before[i])
	}

	w.load.stop(t)
	w.ready.stop(t)
	counted := w.load.soFar()
	require.Empty(t, counted.violations, "answers that violate the contract")
	assert.Less(t, counted.slowest(), maxTimeouts*w.timeout)
	assert.Empty(t, w.ready.failures, "failed readiness checks")
	assert.Positive(t, w.ready.checks)
	maxLimits := w.requireBounded(t, &counted)
	w.requireReported(t, &counted)
	w.requireNoSecrets(t, &counted)
	t.Logf("%d answers, the slowest in %v; decisions of the policy: %v; "+
		"at most %v limits for a subject; causes: %v", counted.answers,
		counted.slowest().Round(time.Millisecond), w.policyDecisions(t), maxLimits, w.causes())
}

// size is the resource usage of a replica.
type size struct{ goroutines, heap, resident float64 }

func measure(t testing.TB, r *replica) size {
	t.Helper()
	series := r.metrics(t)
	return size{series["go_goroutines"], series["go_memstats_heap_alloc_bytes"],
		series["process_resident_memory_bytes"]}
}

// awaitSize waits until a replica uses about as much as it did before, under the same load.
func awaitSize(t testing.TB, r *replica, before size) {
	t.Helper()
	require.Positive(t, before.goroutines)
	require.Positive(t, before.heap)
	require.Positive(t, before.resident)
	const goroutines, bytes = 2 * clients, 32 << 20
	harness.Poll(t, "goroutines and memory are at their level before the fault", func() bool {
		now := measure(t, r)
		return now.goroutines <= before.goroutines+goroutines && now.heap <= before.heap+bytes &&
			now.resident <= before.resident+2*bytes
	})
}
