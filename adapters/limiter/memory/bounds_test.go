package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
)

func TestTooSmall(t *testing.T) {
	for _, c := range []struct{ most, limit, least int }{
		{1, 8, 0}, {1, 9, 2}, {1, 16, 2}, {1, 17, 3}, {12, 96, 0}, {12, 97, 13}, {1000, 8000, 0},
		{1000, 8001, 1001}, {1, 1, 0},
	} {
		storage, err := memory.New(c.most, c.limit)
		if c.least == 0 {
			require.NoError(t, err)
			continue
		}
		assert.Nil(t, storage)
		var small *memory.TooSmallError
		require.ErrorAs(t, err, &small)
		assert.Equal(t, &memory.TooSmallError{MaxSubjects: c.most, LargestLimit: c.limit,
			Minimum: c.least}, small)
		_, err = memory.New(c.least, c.limit)
		assert.NoError(t, err, "the least that would do does")
	}
	assert.EqualError(t, &memory.TooSmallError{MaxSubjects: 1, LargestLimit: 17, Minimum: 3},
		"room for 1 subjects is too small for a limit of 17: at least 3 are needed")
}

// TestLargestLimitFits: whatever the size, every shard holds at least the largest limit, and one subject gets all of it.
func TestLargestLimitFits(t *testing.T) {
	for _, c := range []struct{ most, limit int }{
		{1, 8}, {2, 16}, {13, 97}, {8192, 100}, {8192, 40_000}, {100_000, 3}, {100_000, 60_000},
	} {
		storage := open(t, c.most, c.limit)
		for number := range 3 {
			for i := range c.limit {
				decision, err := storage.Decide(t.Context(), start,
					throttle.NewChecks(byInstall(number, c.limit)))
				require.NoError(t, err)
				require.Equal(t, c.limit-1-i, decision.At(0).Remaining)
			}
			refusal := decide(t, storage, start, byInstall(number, c.limit))
			require.True(t, refusal.Refused(), "%d of %d", c.limit, c.most)
		}
	}
}

func TestLimitAboveTheLargest(t *testing.T) {
	storage := open(t, 100, 8)
	decide(t, storage, start, byInstall(1, 8))
	decision, err := storage.Decide(t.Context(), start,
		throttle.NewChecks(byAddress(1, 8), byInstall(1, 9)))
	require.Error(t, err)
	assert.False(t, decision.Decided())
	assert.Empty(t, storage.Grants(byAddress(1, 8)), "nothing was granted")
	left := decide(t, storage, start, byInstall(1, 8))
	assert.Equal(t, 6, left.At(0).Remaining)
}

// TestAnySchedule asks whatever, whenever, late by hours and under changing limits and windows: no bound is ever passed, and the storage is
// at one with itself after every step.
func TestAnySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 12).Draw(t, "most subjects")
		largest := rapid.IntRange(1, min(8*most, 40)).Draw(t, "largest limit")
		storage := open(t, most, largest)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			at := start.After(time.Duration(rapid.IntRange(-100, 100).Draw(t, "at")) * time.Second)
			asks := drawAny(t, largest)
			for range rapid.IntRange(1, largest).Draw(t, "times") {
				decide(t, storage, at, asks...)
			}
		}
		late := start.After(time.Hour)
		if storage.Subjects(late) != 0 || storage.Instants() != 0 || storage.Check() != nil {
			t.Fatalf("something is left after the last window")
		}
	})
}

// drawAny draws one ask or two, of different windows and limits.
func drawAny(t *rapid.T, largest int) []throttle.Check {
	var asks []throttle.Check
	for _, make := range []func(int, int) throttle.Check{byAddress, byInstall} {
		if len(asks) > 0 && rapid.Bool().Draw(t, "alone") {
			break
		}
		ask := make(rapid.IntRange(0, 8).Draw(t, "number"),
			rapid.IntRange(1, largest).Draw(t, "limit"))
		ask.Window = time.Duration(rapid.SampledFrom([]int{1, 10, 60}).Draw(t,
			"window")) * time.Second
		asks = append(asks, ask)
	}
	return asks
}

// TestForgetsNoMoreThanItMust is for limits so large that the room for instants is what runs out. Which subjects are gone is read from the
// storage: nobody may go while a window that is empty could have, nor before a subject whose last grant is older, nor without need;
// and all answers are exact for whoever is left.
func TestForgetsNoMoreThanItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 12).Draw(t, "most subjects")
		largest := rapid.IntRange(1, min(8*most, 40)).Draw(t, "largest limit")
		storage, known := open(t, most, largest), map[throttle.Check]*subject{}
		now := start
		var forgotten uint64
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.After(time.Duration(rapid.IntRange(1, 20).Draw(t, "step")) * time.Second)
			asks := drawAny(t, largest)
			for range rapid.IntRange(1, largest).Draw(t, "times") {
				now++ // so that no two subjects of two windows tie
				held, instants := storage.Held()[0], storage.Instants()
				askKnown(t, storage, known, now, asks)
				gone := checkForgotten(t, storage, known, now, asks)
				forgotten += gone
				wanted := len(asks)
				for _, ask := range asks {
					wanted += ask.Limit
				}
				if gone > 0 && held+len(asks) <= most && instants+wanted <= 8*most {
					t.Fatalf("%d were forgotten, with %d subjects and %d instants", gone, held,
						instants)
				}
				if storage.Forgotten() != forgotten {
					t.Fatalf("%d were forgotten, %d are gone", storage.Forgotten(), forgotten)
				}
			}
		}
	})
}

// keyOf is what tells subjects apart.
func keyOf(ask throttle.Check) throttle.Check {
	return throttle.Check{Subject: ask.Subject, Window: ask.Window}
}

// askKnown asks, and holds the answer against what is known of the subjects.
func askKnown(t *rapid.T, storage *memory.Storage, known map[throttle.Check]*subject,
	now throttle.Instant, asks []throttle.Check) {
	decision := decide(t, storage, now, asks...)
	for i, ask := range asks {
		s := known[keyOf(ask)]
		if s == nil {
			s = &subject{id: ask.Subject, window: ask.Window}
		}
		want := s.stand(ask, now)
		if !decision.Refused() {
			want = want.Granted()
			s.grants = append(s.grants, now)
			known[keyOf(ask)] = s
		}
		if decision.At(i) != want {
			t.Fatalf("at %d: ask %d stands at %+v, should be %+v", now, i, decision.At(i), want)
		}
	}
}

// checkForgotten counts whom the storage let go of before their time, and forgets what it forgot. One that was asked for may have come
// back in the same decision, with that one grant alone.
func checkForgotten(t *rapid.T, storage *memory.Storage, known map[throttle.Check]*subject,
	now throttle.Instant, asks []throttle.Check) uint64 {
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
			t.Fatalf("%v has the grants %v, should have %v", key, held.grants, s.grants)
		}
	}
	for key, s := range known {
		if gone == 0 || storage.Grants(key) == nil || asked(key, asks) {
			continue
		}
		if s.end() <= now || s.last() < latest {
			t.Fatalf("%v should have gone first", key)
		}
	}
	for key, s := range known {
		if s.end() <= now {
			delete(known, key)
		}
	}
	return gone
}

func asked(key throttle.Check, asks []throttle.Check) bool {
	for _, ask := range asks {
		if keyOf(ask) == key {
			return true
		}
	}
	return false
}

// TestInstantsOverShards: the instants of all shards together are bounded too, each having its part of them.
func TestInstantsOverShards(t *testing.T) {
	const most, limit = 8192, 100
	storage := open(t, most, limit)
	require.Equal(t, 2, storage.Shards())
	for number := range 8 * most / limit * 5 / 4 {
		for range limit {
			decision, err := storage.Decide(t.Context(), start,
				throttle.NewChecks(byInstall(number, limit)))
			require.NoError(t, err)
			require.False(t, decision.Refused())
		}
	}
	require.NoError(t, storage.Check())
	assert.LessOrEqual(t, storage.Instants(), 8*most)
	assert.Greater(t, storage.Instants(), 8*most*9/10)
	assert.NotZero(t, storage.Forgotten())
}

// TestRoomShrinks: what a subject took for many grants goes back when few of them count.
func TestRoomShrinks(t *testing.T) {
	storage := open(t, 100, 100)
	for range 99 {
		decide(t, storage, start, byInstall(1, 100))
	}
	decide(t, storage, start.After(1), byInstall(1, 100))
	assert.Equal(t, 100, storage.Instants())
	decide(t, storage, start.After(window), byInstall(1, 100))
	assert.Equal(t, 4, storage.Instants(), "the last two grants are left, in the least room")
	decide(t, storage, start.After(3*window), byInstall(1, 100))
	assert.Equal(t, 1, storage.Instants())
}
