package memory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portstest"
)

// BenchmarkChecks compares the checks of a new session with and without that of its network. The
// clock moves by a microsecond with each decision, so that windows end throughout.
func BenchmarkChecks(b *testing.B) {
	var decided atomic.Int64
	portstest.BenchmarkChecks(b, open(b, 10_000_000, 2048), 2, func() throttle.Instant {
		return start.After(time.Duration(decided.Add(1)) * time.Microsecond)
	})
}
