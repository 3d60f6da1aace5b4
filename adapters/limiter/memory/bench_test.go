package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
)

// pace is the instant of the i-th ask, where so many pairs take turns and each comes again a little before its last grant leaves.
func pace(i, pairs int) throttle.Instant {
	return start.After(time.Duration(i) * (window * 9 / 10 / time.Duration(pairs)))
}

// full is a storage in which so many pairs of an address and an installation have one grant each.
func full(b *testing.B, pairs int) *memory.Storage {
	b.Helper()
	storage := open(b, max(4*pairs, 1000), 8)
	for i := range pairs {
		decidePair(b, storage, pace(i, pairs), i)
	}
	return storage
}

// decidePair asks both dimensions, with limits that nobody reaches at that pace.
func decidePair(b *testing.B, storage *memory.Storage, now throttle.Instant, number int) {
	asks := throttle.NewChecks(byAddress(number, 8), byInstall(number, 4))
	if _, err := storage.Decide(context.Background(), now, asks); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDecide asks two dimensions with so many subjects in the storage: for a pair that is known, or for one that never asked
// before, while as many windows end as begin.
func BenchmarkDecide(b *testing.B) {
	for _, kind := range []string{"known", "new"} {
		for _, subjects := range []int{1, 10_000, 1_000_000} {
			pairs := max(subjects/2, 1)
			ask := func(storage *memory.Storage, i int) {
				number := pairs + i
				if kind == "known" {
					number %= pairs
				}
				decidePair(b, storage, pace(pairs+i, pairs), number)
			}
			b.Run(fmt.Sprintf("%s/subjects=%d/serial", kind, subjects), func(b *testing.B) {
				storage := full(b, pairs)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					ask(storage, i)
					i++
				}
			})
			b.Run(fmt.Sprintf("%s/subjects=%d/parallel", kind, subjects), func(b *testing.B) {
				storage := full(b, pairs)
				var next atomic.Int64
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						ask(storage, int(next.Add(1)))
					}
				})
			})
		}
	}
}

// BenchmarkRefused asks for a pair at its limit, all on one shard or two: the worst there is to meet on.
func BenchmarkRefused(b *testing.B) {
	storage := open(b, 1_000_000, 8)
	for range 4 {
		decidePair(b, storage, start, 1)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			decidePair(b, storage, start, 1)
		}
	})
}

// BenchmarkMemory tells what a subject with one grant costs, among a million.
func BenchmarkMemory(b *testing.B) {
	const subjects = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		storage := open(b, 2*subjects, 8)
		for i := range subjects {
			asks := throttle.NewChecks(byInstall(i, 4))
			if _, err := storage.Decide(context.Background(), start, asks); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/subjects, "B/subject")
		runtime.KeepAlive(storage)
	}
}
