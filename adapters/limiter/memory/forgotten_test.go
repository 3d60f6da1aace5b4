package memory_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portsfake"
)

const (
	start  throttle.Instant = 1_000_000_000_000
	window                  = time.Minute
)

// numbered returns the subject with a number.
func numbered(dimension throttle.Dimension, number int) throttle.Subject {
	subject := throttle.Subject{byte(dimension) + 1}
	binary.BigEndian.PutUint64(subject[8:], uint64(number))
	return subject
}

func by(dimension throttle.Dimension, number, limit int) throttle.Check {
	return throttle.Check{Dimension: dimension, Subject: numbered(dimension, number), Limit: limit,
		Window: window}
}

func byAddress(number, limit int) throttle.Check { return by(throttle.ByAddress, number, limit) }

func byNetwork(number, limit int) throttle.Check { return by(throttle.ByNetwork, number, limit) }

func byInstall(number, limit int) throttle.Check { return by(throttle.ByInstall, number, limit) }

func byRenewal(number, limit int) throttle.Check { return by(throttle.ByRenewal, number, limit) }

func byRenewalAddress(number, limit int) throttle.Check {
	return by(throttle.ByRenewalAddress, number, limit)
}

// tester is implemented by testing.TB and *rapid.T.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func open(t tester, maxSubjects, largestLimit int) *memory.Storage {
	t.Helper()
	storage, err := memory.New(maxSubjects, portsfake.SameLimit(largestLimit))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return storage
}

// decide returns the storage's decision, after checking the invariants of the whole storage.
func decide(t tester, storage *memory.Storage, now throttle.Instant,
	checks ...throttle.Check) throttle.Decision {
	t.Helper()
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(checks...))
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := storage.CheckInvariants(); err != nil {
		t.Fatalf("%v", err)
	}
	return decision
}

// TestSmallStorageMatchesTheModel uses a storage that is far too small for its subjects, and
// compares every answer, and the subjects that it forgot and that it holds, with the model.
func TestSmallStorageMatchesTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxSubjects := rapid.IntRange(1, 6).Draw(t, "max subjects")
		storage, model := open(t, maxSubjects, 5), &model{max: maxSubjects}
		limits := map[throttle.Dimension]int{}
		for _, dimension := range throttle.Dimensions() {
			limits[dimension] = rapid.IntRange(1, 5).Draw(t, "limit by "+dimension.String())
		}
		now := start
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.After(drawStep(t, model, now))
			at := now
			if rapid.IntRange(0, 5).Draw(t, "late") == 0 {
				at = at.After(-time.Duration(rapid.Int64Range(0, int64(window)).Draw(t, "late by")))
			}
			model.observe(now)
			if at < model.floor {
				// An earlier caller may have seen a window end after this caller's now, and the
				// storage may count this one as being at that end.
				continue
			}
			if rapid.IntRange(0, 3).Draw(t, "gauge") == 0 {
				checkCounts(t, storage, model, now)
			}
			checks := drawChecks(t, limits)
			before := model.forgotten
			decision, want := decide(t, storage, at, checks...), model.decide(at, checks)
			for i := range want {
				if decision.At(i) != want[i] {
					t.Fatalf("at %d: check %d has the state %+v, want %+v", at, i, decision.At(i),
						want[i])
				}
			}
			if storage.Forgotten() != model.forgotten {
				t.Fatalf("%d were forgotten, want %d (%d before)", storage.Forgotten(),
					model.forgotten, before)
			}
			if refused := decision.Refused(); refused && model.forgotten != before {
				t.Fatalf("a refusal made the storage forget a subject")
			}
		}
		checkCounts(t, storage, model, now)
		checkCounts(t, storage, model, now.After(window))
		if storage.Subjects(now.After(window)) != 0 || storage.Instants() != 0 {
			t.Fatalf("the storage is not empty after the last window")
		}
	})
}

// checkCounts compares which subjects the storage holds, and how many, with the model.
func checkCounts(t *rapid.T, storage *memory.Storage, model *model, now throttle.Instant) {
	model.observe(now)
	if got := storage.Subjects(now); got != len(model.subjects) {
		t.Fatalf("%d subjects, want %d", got, len(model.subjects))
	}
	for _, s := range model.subjects {
		held := storage.Grants(throttle.Check{Dimension: s.dimension, Subject: s.id,
			Window: s.window})
		if len(held) == 0 || held[len(held)-1] != s.last() {
			t.Fatalf("the grants of %v are %v, want the last at %d", s.id, held, s.last())
		}
	}
	if err := storage.CheckInvariants(); err != nil {
		t.Fatalf("%v", err)
	}
}

// drawStep returns how far the clock moves: not at all, a random distance, or right to the end of a
// window.
func drawStep(t *rapid.T, model *model, now throttle.Instant) time.Duration {
	switch kind := rapid.IntRange(0, 4).Draw(t, "kind of step"); {
	case kind < 2:
		return 0
	case kind == 2 || len(model.subjects) == 0:
		return time.Duration(rapid.Int64Range(0, int64(window/4)).Draw(t, "step"))
	default:
		end := rapid.SampledFrom(model.subjects).Draw(t, "subject").end()
		offset := time.Duration(rapid.IntRange(-1, 1).Draw(t, "offset from the end"))
		return max(0, now.Until(end)+offset)
	}
}

// drawChecks draws the checks of a new session, with or without a network, or of a renewal, or one
// check by itself.
func drawChecks(t *rapid.T, limits map[throttle.Dimension]int) []throttle.Check {
	address, install := rapid.IntRange(0, 5), rapid.IntRange(0, 8)
	of := func(dimension throttle.Dimension, number *rapid.Generator[int]) throttle.Check {
		return by(dimension, number.Draw(t, dimension.String()), limits[dimension])
	}
	switch rapid.IntRange(0, 4).Draw(t, "request") {
	case 0:
		return []throttle.Check{of(rapid.SampledFrom(throttle.Dimensions()).Draw(t, "dimension"),
			install)}
	case 1:
		return []throttle.Check{of(throttle.ByRenewal, install),
			of(throttle.ByRenewalAddress, address)}
	case 2:
		return []throttle.Check{of(throttle.ByAddress, address), of(throttle.ByInstall, install)}
	default:
		return []throttle.Check{of(throttle.ByAddress, address),
			of(throttle.ByNetwork, rapid.IntRange(0, 2)), of(throttle.ByInstall, install)}
	}
}

// TestNewSubjectIsNeverRefused floods a full storage: every new subject gets a grant, whatever must
// be forgotten for it.
func TestNewSubjectIsNeverRefused(t *testing.T) {
	for _, maxSubjects := range []int{1, 2, 3, 10, 100} {
		storage := open(t, maxSubjects, 8)
		for i := range 5 * maxSubjects {
			decision := decide(t, storage, start, byAddress(i, 1), byNetwork(i, 1), byInstall(i, 1))
			require.False(t, decision.Refused(), "%d of %d", i, maxSubjects)
		}
		assert.Equal(t, 2*maxSubjects, storage.Subjects(start), "two parts are full")
		assert.Equal(t, uint64(3*5*maxSubjects-2*maxSubjects), storage.Forgotten())
		last := decide(t, storage, start, byInstall(5*maxSubjects-1, 1))
		assert.True(t, last.Refused(), "the last subject is still known")
	}
}

// TestForgetsTheOldestLastGrant shows that a full storage forgets the subject whose last grant is
// oldest, not the subject that came first.
func TestForgetsTheOldestLastGrant(t *testing.T) {
	storage := open(t, 3, 8)
	for i := range 3 {
		decide(t, storage, start.After(time.Duration(i)), byInstall(i, 2))
	}
	decide(t, storage, start.After(3), byInstall(0, 2)) // now subject 1 is the oldest
	decide(t, storage, start.After(4), byInstall(3, 2))
	assert.Equal(t, uint64(1), storage.Forgotten())
	for number, holds := range map[int]bool{0: true, 1: false, 2: true, 3: true} {
		assert.Equal(t, holds, storage.Grants(byInstall(number, 2)) != nil, "%d", number)
	}
	refusal := decide(t, storage, start.After(5), byInstall(0, 2))
	assert.True(t, refusal.Refused())
	assert.Equal(t, uint64(1), storage.Forgotten(), "a refusal forgets no subject")
	for i := range 10 {
		decide(t, storage, start.After(5), byInstall(0, 2), byInstall(100+i, 2))
	}
	assert.Equal(t, uint64(1), storage.Forgotten(), "nor does a refusal of several checks")
	assert.Equal(t, 3, storage.Subjects(start.After(5)))
}

// TestExpiredSubjectsGoFirst shows that expired subjects are removed before one that still counts
// is forgotten, whatever their windows, and however much room is needed at once.
func TestExpiredSubjectsGoFirst(t *testing.T) {
	storage := open(t, 32, 100) // 256 instants
	long := func(number int) throttle.Check { return byAddress(number, 100) }
	short := func(number int) throttle.Check {
		check := byNetwork(number, 100)
		check.Window = time.Second
		return check
	}
	fill := func(at throttle.Instant, check throttle.Check, grants int) {
		for range grants {
			decision := decide(t, storage, at, check)
			require.False(t, decision.Refused())
		}
	}
	fill(start, long(0), 1) // the oldest last grant, which counts for a minute
	for i := range 20 {
		fill(start.After(1), short(i), 1)
	}
	fill(start.After(2), long(1), 64)
	fill(start.After(2), long(2), 100)
	fill(start.After(2), long(3), 32)
	fill(start.After(2), long(4), 16)
	require.Zero(t, storage.Forgotten())
	require.Equal(t, 1+20+64+100+32+16, storage.Instants())
	fill(start.After(2*time.Second), long(1), 1) // needs 36 more instants
	assert.Zero(t, storage.Forgotten(), "enough subjects had expired")
	assert.Len(t, storage.Grants(long(0)), 1)
}

// TestFloorNeverSinks has windows of two lengths end out of order: a late caller, which read its
// clock before, gains no grant.
func TestFloorNeverSinks(t *testing.T) {
	storage := open(t, 100, 100)
	short := func(number int) throttle.Check {
		check := byInstall(number, 1)
		check.Window = time.Second
		return check
	}
	decide(t, storage, start, byInstall(1, 1)) // ends at start + window
	// This one ends a second before that.
	decide(t, storage, start.After(window-2*time.Second), short(2))
	// This removes both, the later end first.
	assert.Zero(t, storage.Subjects(start.After(window)))
	decision := decide(t, storage, start.After(window-1), byInstall(1, 1))
	assert.False(t, decision.Refused(), "it counts as being at the end of its window")
	decision = decide(t, storage, start.After(2*window-1), byInstall(1, 1))
	assert.True(t, decision.Refused(), "the two grants may not lie in one window")
}
