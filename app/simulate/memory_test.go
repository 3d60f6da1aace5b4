package simulate_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/simulate"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// manyAddresses is a ports.Attempts in which each attempt has a new address. It measures the heap
// after the last one.
type manyAddresses struct {
	n, of int
	heap  uint64
}

func (e *manyAddresses) Next(attempt *ports.Attempt) (bool, error) {
	if e.n == e.of {
		e.heap = heap()
		return false, nil
	}
	*attempt = ports.Attempt{Instant: throttle.Instant(e.n) * throttle.Instant(time.Second),
		Time: start.Add(time.Duration(e.n) * time.Second)}
	if e.n == 0 {
		attempt.Begins = &ports.RecordedLimits{Window: time.Minute}
	}
	var subject throttle.Subject
	binary.BigEndian.PutUint64(subject[:], uint64(e.n)*0x9e3779b97f4a7c15)
	attempt.Checks = throttle.NewChecks(throttle.Check{Dimension: throttle.ByAddress,
		Subject: subject})
	e.n++
	return true, nil
}

// heap returns the size of the live heap, in bytes.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestMemoryOfASubject bounds the memory for each subject, which the documentation for operators
// states.
func TestMemoryOfASubject(t *testing.T) {
	const subjects, most = 400_000, 100
	before := heap()
	source := &manyAddresses{of: subjects}
	_, err := simulate.New(inMemory).Run(t.Context(), source, []simulate.Setting{
		{Limits: throttle.Limits{1}}, {Limits: throttle.Limits{8}}})
	require.NoError(t, err)
	each := float64(source.heap-before) / subjects
	t.Logf("%.0f bytes for each subject", each)
	assert.Less(t, each, float64(most))
}
