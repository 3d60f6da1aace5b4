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

// endless yields attempts of a new address each, and measures the heap after the last.
type endless struct {
	n, of int
	heap  uint64
}

func (e *endless) Next(attempt *ports.Attempt) (bool, error) {
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

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestMemoryOfASubject bounds what a subject costs, whatever the number of requests and settings.
// The page for operators states the bound.
func TestMemoryOfASubject(t *testing.T) {
	const subjects, most = 400_000, 100
	before := heap()
	source := &endless{of: subjects}
	_, err := simulate.New(inMemory).Run(t.Context(), source, []simulate.Setting{
		{Limits: throttle.Limits{1}}, {Limits: throttle.Limits{8}}})
	require.NoError(t, err)
	each := float64(source.heap-before) / subjects
	t.Logf("%.0f bytes for each subject", each)
	assert.Less(t, each, float64(most))
}
