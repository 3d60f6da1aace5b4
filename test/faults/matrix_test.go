package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patient is the timeout of replicas that are tested and not measured: a machine that has much else
// to do must not look like an outage.
const patient = 10 * time.Second

// TestFaults has the commonest faults happen, under each policy.
func TestFaults(t *testing.T) {
	matrix(t, func(f fault) bool { return f.common })
}

// TestLongFaults has every fault happen that the commonest leave out.
func TestLongFaults(t *testing.T) {
	matrix(t, func(f fault) bool { return !f.common })
}

func matrix(t *testing.T, chosen func(fault) bool) {
	for _, f := range faults {
		if !chosen(f) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, policy := range []string{local, deny, allow} {
				t.Run(policy, func(t *testing.T) {
					t.Parallel()
					run(t, newWorld(t, f, policy, patient))
				})
			}
		})
	}
}

// How many answers a phase goes on for, once it has come about: enough for the hot subjects to come
// round many times.
const goOn = 250

// run has the fault happen, and holds everything that is seen of it against the contract.
func run(t *testing.T, w *world) {
	w.load.await(t, "the hot subjects are spent", hotOnesAreSpent)
	w.load.more(t, goOn)
	w.requireShared(t, "before")
	before := [2]size{measure(t, w.replicas[0]), measure(t, w.replicas[1])}
	require.Equal(t, [2]int{}, w.decided(t), "the policy decides nothing while all is well")

	w.fault.breaks(t, w.store, w.timeout)
	w.awaitOutage(t)
	if !w.fault.comesAndGoes {
		for _, r := range w.struck() {
			out, _ := r.out(t, w.policy)
			assert.True(t, out)
			assert.Contains(t, r.limiterDetail(t), "the shared storage is out")
		}
	}
	w.load.more(t, 2*goOn)

	w.fault.mends(t, w.store)
	w.awaitSharing(t)
	afterwards := w.decided(t)
	w.requireShared(t, "afterwards")
	w.load.more(t, goOn)
	assert.Equal(t, afterwards, w.decided(t), "from its end on, the policy decides nothing")
	for i, r := range w.replicas {
		awaitSize(t, r, before[i])
	}

	w.load.stop()
	w.ready.stop()
	so := w.load.soFar()
	require.Empty(t, so.wrong, "answers that are none")
	assert.Less(t, so.slowest(), 2*w.timeout)
	assert.Empty(t, w.ready.wrong, "readiness")
	assert.Positive(t, w.ready.asked)
	most := w.requireBounded(t, &so)
	w.requireTold(t, &so)
	w.requireSecret(t, &so)
	t.Logf("%d answers, the slowest in %v, by the policy %v, at most %v limits for a subject, because of %v",
		so.answers, so.slowest().Round(time.Millisecond), w.decided(t), most, w.causes())
}

// size is what a replica holds.
type size struct{ goroutines, heap, resident float64 }

func measure(t testing.TB, r *replica) size {
	t.Helper()
	series := r.metrics(t)
	return size{series["go_goroutines"], series["go_memstats_heap_alloc_bytes"],
		series["process_resident_memory_bytes"]}
}

// awaitSize waits until a replica is about as large as it was, under the same load.
func awaitSize(t testing.TB, r *replica, before size) {
	t.Helper()
	require.Positive(t, before.goroutines)
	require.Positive(t, before.heap)
	require.Positive(t, before.resident)
	const goroutines, bytes = 2 * clients, 32 << 20
	await(t, "goroutines and memory are what they were", func() bool {
		now := measure(t, r)
		return now.goroutines <= before.goroutines+goroutines && now.heap <= before.heap+bytes &&
			now.resident <= before.resident+2*bytes
	})
}
