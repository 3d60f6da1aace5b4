package memory_test

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
)

func TestNumberOfShards(t *testing.T) {
	for _, c := range []struct{ maxSubjects, limit, shards int }{
		{1, 1, 1}, {4096, 8, 1}, {8191, 8, 1}, {8192, 8, 2}, {16_383, 8, 2}, {16_384, 8, 4},
		{100_000, 8, 16}, {100_000, 50_000, 16},
		{100_000, 50_001, 8}, {100_000, 800_000, 1}, {131_072, 8, 32}, {10_000_000, 8, 32},
	} {
		assert.Equal(t, c.shards, open(t, c.maxSubjects, c.limit).Shards(throttle.ByInstall),
			"%d subjects, limit %d", c.maxSubjects, c.limit)
	}
}

// fill takes one grant for each of count subjects.
func fill(t testing.TB, storage *memory.Storage, at throttle.Instant, count int,
	subject func(int) throttle.Subject) {
	t.Helper()
	for i := range count {
		check := throttle.Check{Dimension: throttle.ByInstall, Subject: subject(i), Limit: 4,
			Window: window}
		decision, err := storage.Decide(t.Context(), at, throttle.NewChecks(check))
		if err != nil || decision.Refused() {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

// TestShardsFillEvenly shows that shards fill evenly, with digests and with the numbers that tests
// use.
func TestShardsFillEvenly(t *testing.T) {
	const maxSubjects, count = 100_000, 90_000
	digester := throttle.NewDigester([]byte("a digest key, for tests"))
	for name, subject := range map[string]func(int) throttle.Subject{
		"digests": func(i int) throttle.Subject {
			return digester.Subject(throttle.ByInstall, "install-"+strconv.Itoa(i))
		},
		"numbers": func(i int) throttle.Subject { return numbered(throttle.ByInstall, i) },
		"numbers in the other byte order": func(i int) throttle.Subject {
			return throttle.Subject{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storage := open(t, maxSubjects, 8)
			fill(t, storage, start, count, subject)
			require.NoError(t, storage.CheckInvariants())
			assert.Equal(t, count, storage.Subjects(start))
			assert.Zero(t, storage.Forgotten(),
				"no shard is full when the storage is filled to nine tenths")
			for _, held := range storage.SubjectsByShard(throttle.ByInstall) {
				assert.InDelta(t, count/16, held, float64(count/16)/16)
			}
		})
	}
}

// TestBoundsSubjectsOverAllShards floods all shards with twice what they hold: the bound holds, and
// Forgotten counts the rest.
func TestBoundsSubjectsOverAllShards(t *testing.T) {
	const maxSubjects = 100_000
	storage := open(t, maxSubjects, 8)
	fill(t, storage, start, 2*maxSubjects, func(i int) throttle.Subject {
		return numbered(throttle.ByInstall, i)
	})
	require.NoError(t, storage.CheckInvariants())
	subjects := storage.Subjects(start)
	assert.LessOrEqual(t, subjects, maxSubjects)
	assert.Greater(t, subjects, maxSubjects*99/100)
	assert.Equal(t, uint64(2*maxSubjects-subjects), storage.Forgotten())
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestReleasesMemory shows that once all windows have ended, reading the gauge empties the storage,
// and so do decisions without it.
func TestReleasesMemory(t *testing.T) {
	const count = 100_000
	subject := func(i int) throttle.Subject { return numbered(throttle.ByInstall, i) }
	for name, empty := range map[string]func(*memory.Storage){
		"by reading the gauge": func(storage *memory.Storage) {
			assert.Equal(t, count, storage.Subjects(start.After(window-1)))
			assert.Zero(t, storage.Subjects(start.After(window)))
		},
		"by decisions only": func(storage *memory.Storage) {
			// Each caller removes two subjects and adds one. That takes half as many callers as
			// there were subjects, and some more because subjects spread unevenly over the shards.
			const callers = count * 11 / 20
			fill(t, storage, start.After(window), callers, func(i int) throttle.Subject {
				return subject(count + i)
			})
			held := 0
			for _, each := range storage.SubjectsByShard(throttle.ByInstall) {
				held += each
			}
			assert.Equal(t, callers, held, "no expired subject is left")
			assert.Zero(t, storage.Subjects(start.After(4*window)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			storage := open(t, 4*count, 8)
			fill(t, storage, start, count, subject)
			full := heap()
			assert.Greater(t, full-before, int64(count*40), "the full storage uses memory")
			empty(storage)
			assert.Zero(t, storage.Instants())
			require.NoError(t, storage.CheckInvariants())
			assert.Less(t, heap()-before, int64(64<<10), "the empty storage has released it")
			fill(t, storage, start.After(5*window), 1000, subject)
			assert.Equal(t, 1000, storage.Subjects(start.After(5*window)),
				"the storage can be filled again")
			runtime.KeepAlive(storage)
		})
	}
}

// TestConcurrentForgetting has many callers, whose checks lie in several parts in any order,
// displace each other from a small storage, while others read its counts.
func TestConcurrentForgetting(t *testing.T) {
	const callers, attempts, maxSubjects = 8, 2000, 64
	for name, maxSubjects := range map[string]int{"one shard": maxSubjects, "four shards": 16_384} {
		t.Run(name, func(t *testing.T) {
			storage := open(t, maxSubjects, 8)
			var clock atomic.Int64
			clock.Store(int64(start))
			var granted atomic.Uint64
			var group sync.WaitGroup
			for caller := range callers {
				group.Go(func() {
					for attempt := range attempts {
						now := throttle.Instant(clock.Add(1))
						number := caller*attempts + attempt
						checks := throttle.NewChecks(byAddress(number, 8), byNetwork(number, 8),
							byInstall(number, 4))
						if number%3 == 0 {
							checks = throttle.NewChecks(byRenewal(number, 4), byAddress(number, 8),
								byRenewalAddress(number, 8))
						}
						decision, err := storage.Decide(t.Context(), now, checks)
						if !assert.NoError(t, err) ||
							!assert.False(t, decision.Refused(), "a new subject is never refused") {
							return
						}
						granted.Add(3)
						if attempt%100 == 0 {
							assert.LessOrEqual(t, storage.Subjects(now), 3*maxSubjects)
							storage.Forgotten()
						}
					}
				})
			}
			wait(t, &group)
			require.NoError(t, storage.CheckInvariants())
			live := storage.Subjects(throttle.Instant(clock.Load()))
			assert.LessOrEqual(t, live, 3*maxSubjects)
			assert.Equal(t, granted.Load(), storage.Forgotten()+uint64(live),
				"every subject that got a grant is held or was forgotten")
		})
	}
}

// TestConcurrentCallersKeepLimits has callers contend for few subjects of a storage that is full of
// others: no subject gets more than its limit.
func TestConcurrentCallersKeepLimits(t *testing.T) {
	const callers, attempts, hot = 8, 1000, 5
	storage := open(t, 8192, 8)
	fill(t, storage, start-throttle.Instant(window), 20_000, func(i int) throttle.Subject {
		return numbered(throttle.ByAddress, 1000+i)
	})
	forgotten := storage.Forgotten()
	var each [hot]atomic.Int64
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for attempt := range attempts {
				number := (caller + attempt) % hot
				checks := throttle.NewChecks(byAddress(number, 8), byInstall(number, 4))
				now := start.After(time.Duration(attempt))
				decision, err := storage.Decide(t.Context(), now, checks)
				if !assert.NoError(t, err) {
					return
				}
				if !decision.Refused() {
					each[number].Add(1)
				}
			}
		})
	}
	wait(t, &group)
	require.NoError(t, storage.CheckInvariants())
	for number := range each {
		assert.Equal(t, int64(4), each[number].Load())
	}
	assert.Equal(t, forgotten, storage.Forgotten(),
		"room came from the other subjects, which had expired")
}

// wait waits for the callers in a group to return, and fails the test if they hang.
func wait(t *testing.T, group *sync.WaitGroup) {
	t.Helper()
	const limit = 5 * time.Minute
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("concurrent callers have not returned after %s", limit)
	}
}
