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

// pace returns the instant of the i-th decision if a number of pairs take turns and each returns a
// little before its last grant expires.
func pace(i, pairs int) throttle.Instant {
	return start.After(time.Duration(i) * (window * 9 / 10 / time.Duration(pairs)))
}

// newFull returns a storage in which a number of pairs of an address and an installation have one
// grant each.
func newFull(b *testing.B, pairs int) *memory.Storage {
	b.Helper()
	storage := open(b, max(4*pairs, 1000), 8)
	for i := range pairs {
		decidePair(b, storage, pace(i, pairs), i)
	}
	return storage
}

// decidePair checks both dimensions, with limits that no pair reaches at that pace.
func decidePair(b *testing.B, storage *memory.Storage, now throttle.Instant, number int) {
	checks := throttle.NewChecks(byAddress(number, 8), byInstall(number, 4))
	if _, err := storage.Decide(context.Background(), now, checks); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDecide measures a decision on two dimensions by the number of subjects in the storage:
// for a known pair, or for a new one, while as many windows end as begin.
func BenchmarkDecide(b *testing.B) {
	for _, kind := range []string{"known", "new"} {
		for _, subjects := range []int{1, 10_000, 1_000_000} {
			pairs := max(subjects/2, 1)
			decide := func(storage *memory.Storage, i int) {
				number := pairs + i
				if kind == "known" {
					number %= pairs
				}
				decidePair(b, storage, pace(pairs+i, pairs), number)
			}
			b.Run(fmt.Sprintf("%s/subjects=%d/serial", kind, subjects), func(b *testing.B) {
				storage := newFull(b, pairs)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					decide(storage, i)
					i++
				}
			})
			b.Run(fmt.Sprintf("%s/subjects=%d/parallel", kind, subjects), func(b *testing.B) {
				storage := newFull(b, pairs)
				var next atomic.Int64
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						decide(storage, int(next.Add(1)))
					}
				})
			})
		}
	}
}

// BenchmarkRefused measures refusals for one pair at its limit, which all use the same one or two
// shards: the worst case for contention.
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

// BenchmarkMemory reports the memory that a subject takes by the number of its grants, among a
// million in one part. More than eight grants for each of that many exceed the bound on instants.
func BenchmarkMemory(b *testing.B) {
	const subjects = 1_000_000
	for _, grants := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("grants=%d", grants), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				storage := open(b, 2*subjects, 8)
				for i := range subjects * grants {
					checks := throttle.NewChecks(byInstall(i%subjects, 8))
					if _, err := storage.Decide(context.Background(), start, checks); err != nil {
						b.Fatal(err)
					}
				}
				if held := storage.Subjects(start); held != subjects || storage.Forgotten() > 0 {
					b.Fatalf("%d subjects are left", held)
				}
				b.ReportMetric(float64(heap()-before)/subjects, "B/subject")
				runtime.KeepAlive(storage)
			}
		})
	}
}
