package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portsfake"
)

func TestRefusesTooFewSubjects(t *testing.T) {
	for _, c := range []struct{ maxSubjects, limit, minimum int }{
		{1, 8, 0}, {1, 9, 2}, {1, 16, 2}, {1, 17, 3}, {12, 96, 0}, {12, 97, 13}, {1000, 8000, 0},
		{1000, 8001, 1001}, {1, 1, 0},
	} {
		storage, err := memory.New(c.maxSubjects, portsfake.SameLimit(c.limit))
		if c.minimum == 0 {
			require.NoError(t, err)
			continue
		}
		assert.Nil(t, storage)
		var small *memory.TooSmallError
		require.ErrorAs(t, err, &small)
		assert.Equal(t, &memory.TooSmallError{MaxSubjects: c.maxSubjects, LargestLimit: c.limit,
			Minimum: c.minimum}, small)
		_, err = memory.New(c.minimum, portsfake.SameLimit(c.limit))
		assert.NoError(t, err, "the minimum is enough")
	}
	assert.EqualError(t, &memory.TooSmallError{MaxSubjects: 1, LargestLimit: 17, Minimum: 3},
		"maximum of 1 subjects is too small for a limit of 17: set it to at least 3")
}

// TestLargestLimitFits shows that every shard holds at least the largest limit, whatever the size,
// and that one subject gets all of it.
func TestLargestLimitFits(t *testing.T) {
	for _, c := range []struct{ maxSubjects, limit int }{
		{1, 8}, {2, 16}, {13, 97}, {8192, 100}, {8192, 40_000}, {100_000, 3}, {100_000, 60_000},
	} {
		storage := open(t, c.maxSubjects, c.limit)
		for number := range 3 {
			for i := range c.limit {
				decision, err := storage.Decide(t.Context(), start,
					throttle.NewChecks(byInstall(number, c.limit)))
				require.NoError(t, err)
				require.Equal(t, c.limit-1-i, decision.At(0).Remaining)
			}
			refusal := decide(t, storage, start, byInstall(number, c.limit))
			require.True(t, refusal.Refused(), "%d of %d", c.limit, c.maxSubjects)
		}
	}
}

func TestRefusesLimitAboveTheLargest(t *testing.T) {
	storage := open(t, 100, 8)
	decide(t, storage, start, byInstall(1, 8))
	decision, err := storage.Decide(t.Context(), start,
		throttle.NewChecks(byAddress(1, 8), byInstall(1, 9)))
	require.Error(t, err)
	assert.False(t, decision.Decided())
	assert.Empty(t, storage.Grants(byAddress(1, 8)), "nothing was granted")
	state := decide(t, storage, start, byInstall(1, 8))
	assert.Equal(t, 6, state.At(0).Remaining)
}

// TestBoundsHoldUnderAnySchedule makes arbitrary checks at arbitrary instants, late ones and with
// changing limits and windows among them: no bound is ever exceeded, and the invariants hold after
// every step.
func TestBoundsHoldUnderAnySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxSubjects := rapid.IntRange(1, 12).Draw(t, "max subjects")
		largest := rapid.IntRange(1, min(8*maxSubjects, 40)).Draw(t, "largest limit")
		storage := open(t, maxSubjects, largest)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			at := start.After(time.Duration(rapid.IntRange(-100, 100).Draw(t, "at")) * time.Second)
			checks := drawAny(t, largest, byAddress, byNetwork, byInstall, byRenewal)
			for range rapid.IntRange(1, largest).Draw(t, "times") {
				decide(t, storage, at, checks...)
			}
		}
		late := start.After(time.Hour)
		if storage.Subjects(late) != 0 || storage.Instants() != 0 ||
			storage.CheckInvariants() != nil {
			t.Fatalf("the storage is not empty after the last window")
		}
	})
}

// drawAny draws checks of some of the given kinds, with different windows and limits.
func drawAny(t *rapid.T, largest int,
	kinds ...func(number, limit int) throttle.Check) []throttle.Check {
	var checks []throttle.Check
	for i, newCheck := range kinds {
		last := i == len(kinds)-1
		if (!last || len(checks) > 0) && rapid.Bool().Draw(t, "leave out") {
			continue
		}
		check := newCheck(rapid.IntRange(0, 8).Draw(t, "number"),
			rapid.IntRange(1, largest).Draw(t, "limit"))
		check.Window = time.Duration(rapid.SampledFrom([]int{1, 10, 60}).Draw(t,
			"window")) * time.Second
		checks = append(checks, check)
	}
	return checks
}

// TestForgetsOnlyWhatItMust uses one part, and limits so large that the capacity for instants runs
// out first. It reads from the storage which subjects are gone. No subject may be forgotten while
// an expired one could be removed instead, nor before a subject whose last grant is older, nor
// without need; and all answers are exact for the subjects that remain.
func TestForgetsOnlyWhatItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxSubjects := rapid.IntRange(1, 12).Draw(t, "max subjects")
		largest := rapid.IntRange(1, min(8*maxSubjects, 40)).Draw(t, "largest limit")
		storage, known := open(t, maxSubjects, largest), map[throttle.Check]*subject{}
		now := start
		var forgotten uint64
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.After(time.Duration(rapid.IntRange(1, 20).Draw(t, "step")) * time.Second)
			checks := drawAny(t, largest, byInstall, byRenewal)
			for range rapid.IntRange(1, largest).Draw(t, "times") {
				now++ // so that no two last grants with different windows are equal
				held := storage.SubjectsByShard(throttle.ByInstall)[0]
				instants := storage.Instants()
				checkAnswers(t, storage, known, now, checks)
				gone := countForgotten(t, storage, known, now, checks)
				forgotten += gone
				needed := len(checks)
				for _, check := range checks {
					needed += check.Limit
				}
				if gone > 0 && held+len(checks) <= maxSubjects && instants+needed <= 8*maxSubjects {
					t.Fatalf("%d were forgotten, with only %d subjects and %d instants",
						gone, held, instants)
				}
				if storage.Forgotten() != forgotten {
					t.Fatalf("%d were forgotten, %d are gone", storage.Forgotten(), forgotten)
				}
			}
		}
	})
}

// keyOf returns the part of a check that identifies a subject.
func keyOf(check throttle.Check) throttle.Check {
	return throttle.Check{Dimension: check.Dimension, Subject: check.Subject, Window: check.Window}
}

// checkAnswers makes checks, and compares the decision with that by the grants of the known
// subjects.
func checkAnswers(t *rapid.T, storage *memory.Storage, known map[throttle.Check]*subject,
	now throttle.Instant, checks []throttle.Check) {
	decision := decide(t, storage, now, checks...)
	for i, check := range checks {
		s := known[keyOf(check)]
		if s == nil {
			s = &subject{id: check.Subject, window: check.Window}
		}
		want := s.state(check, now)
		if !decision.Refused() {
			want = want.Granted()
			s.grants = append(s.grants, now)
			known[keyOf(check)] = s
		}
		if decision.At(i) != want {
			t.Fatalf("at %d: check %d has the state %+v, want %+v", now, i, decision.At(i), want)
		}
	}
}

// countForgotten counts the subjects that the storage forgot early, and forgets them in known as
// well. A subject that was checked may have come back in the same decision, with only that one
// grant.
func countForgotten(t *rapid.T, storage *memory.Storage, known map[throttle.Check]*subject,
	now throttle.Instant, checks []throttle.Check) uint64 {
	var gone uint64
	var latest throttle.Instant
	lost := func(s *subject) {
		gone++
		latest = max(latest, s.last())
	}
	for key, s := range known {
		held := &subject{window: s.window, grants: storage.Grants(key)}
		switch {
		case held.counted(now) == s.counted(now):
		case held.counted(now) == 0:
			lost(s)
			delete(known, key)
		case held.counted(now) == 1 && held.last() == now:
			lost(&subject{grants: s.grants[:len(s.grants)-1]})
			s.grants = held.grants
		default:
			t.Fatalf("%v has the grants %v, want %v", key, held.grants, s.grants)
		}
	}
	for key, s := range known {
		if gone == 0 || storage.Grants(key) == nil || anyHasKey(checks, key) {
			continue
		}
		if s.end() <= now || s.last() < latest {
			t.Fatalf("%v should have been removed first", key)
		}
	}
	for key, s := range known {
		if s.end() <= now {
			delete(known, key)
		}
	}
	return gone
}

// anyHasKey reports whether any check is for the subject with that key.
func anyHasKey(checks []throttle.Check, key throttle.Check) bool {
	for _, check := range checks {
		if keyOf(check) == key {
			return true
		}
	}
	return false
}

// TestBoundsInstantsOverAllShards shows that the instants of all shards together are bounded too,
// as each shard has its part of them.
func TestBoundsInstantsOverAllShards(t *testing.T) {
	const maxSubjects, limit = 8192, 100
	storage := open(t, maxSubjects, limit)
	require.Equal(t, 2, storage.Shards(throttle.ByInstall))
	assert.Zero(t, storage.LastForgotten())
	for number := range 8 * maxSubjects / limit * 5 / 4 {
		for range limit {
			decision, err := storage.Decide(t.Context(), start,
				throttle.NewChecks(byInstall(number, limit)))
			require.NoError(t, err)
			require.False(t, decision.Refused())
		}
	}
	require.NoError(t, storage.CheckInvariants())
	assert.LessOrEqual(t, storage.Instants(), 8*maxSubjects)
	assert.Greater(t, storage.Instants(), 8*maxSubjects*9/10)
	assert.NotZero(t, storage.Forgotten())
	assert.Equal(t, start, storage.LastForgotten())
}

// TestRingBufferShrinks shows that the capacity that a subject needed for many grants is released
// when few of them count.
func TestRingBufferShrinks(t *testing.T) {
	storage := open(t, 100, 100)
	for range 99 {
		decide(t, storage, start, byInstall(1, 100))
	}
	decide(t, storage, start.After(1), byInstall(1, 100))
	assert.Equal(t, 100, storage.Instants())
	decide(t, storage, start.After(window), byInstall(1, 100))
	assert.Equal(t, 4, storage.Instants(),
		"the last two grants remain, in a ring buffer of the smallest capacity")
	decide(t, storage, start.After(3*window), byInstall(1, 100))
	assert.Equal(t, 1, storage.Instants())
}
