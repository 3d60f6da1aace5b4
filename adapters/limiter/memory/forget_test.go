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
)

const (
	start  throttle.Instant = 1_000_000_000_000
	window                  = time.Minute
)

// numbered is a made-up subject.
func numbered(dimension throttle.Dimension, number int) throttle.Subject {
	subject := throttle.Subject{byte(dimension) + 1}
	binary.BigEndian.PutUint64(subject[8:], uint64(number))
	return subject
}

func byAddress(number, limit int) throttle.Check {
	return throttle.Check{Dimension: throttle.ByAddress,
		Subject: numbered(throttle.ByAddress, number), Limit: limit, Window: window}
}

func byInstall(number, limit int) throttle.Check {
	return throttle.Check{Dimension: throttle.ByInstall,
		Subject: numbered(throttle.ByInstall, number), Limit: limit, Window: window}
}

// fatal is what both testing.T and rapid.T can do.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func open(t fatal, maxSubjects, largestLimit int) *memory.Storage {
	t.Helper()
	storage, err := memory.New(maxSubjects, largestLimit)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return storage
}

// decide asks, and looks the whole storage over.
func decide(t fatal, storage *memory.Storage, now throttle.Instant,
	asks ...throttle.Check) throttle.Decision {
	t.Helper()
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(asks...))
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := storage.Check(); err != nil {
		t.Fatalf("%v", err)
	}
	return decision
}

// TestSmallStorage asks a storage that is far too small for its subjects, and holds all that it answers against the model, what it forgot
// and what it holds included.
func TestSmallStorage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(t, "most subjects")
		storage, model := open(t, most, 5), &model{max: most}
		limits := [2]int{rapid.IntRange(1, 5).Draw(t, "limit by address"),
			rapid.IntRange(1, 5).Draw(t, "limit by install")}
		now := start
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.After(drawStep(t, model, now))
			at := now
			if rapid.IntRange(0, 5).Draw(t, "late") == 0 {
				at = at.After(-time.Duration(rapid.Int64Range(0, int64(window)).Draw(t, "by")))
			}
			model.see(now)
			if at < model.floor {
				continue // somebody may have seen a window end after this caller's now, and a storage may count him as being there
			}
			if rapid.IntRange(0, 3).Draw(t, "gauge") == 0 {
				checkCounts(t, storage, model, now)
			}
			asks := drawAsks(t, limits)
			before := model.forgotten
			decision, want := decide(t, storage, at, asks...), model.decide(at, asks)
			for i := range want {
				if decision.At(i) != want[i] {
					t.Fatalf("at %d: ask %d stands at %+v, should be %+v", at, i, decision.At(i),
						want[i])
				}
			}
			if storage.Forgotten() != model.forgotten {
				t.Fatalf("%d were forgotten, should be %d (%d before)", storage.Forgotten(),
					model.forgotten, before)
			}
			if refused := decision.Refused(); refused && model.forgotten != before {
				t.Fatalf("a refusal made the storage forget")
			}
		}
		checkCounts(t, storage, model, now)
		checkCounts(t, storage, model, now.After(window))
		if storage.Subjects(now.After(window)) != 0 || storage.Instants() != 0 {
			t.Fatalf("something is left after the last window")
		}
	})
}

// checkCounts holds against the model which subjects are there, and how many.
func checkCounts(t *rapid.T, storage *memory.Storage, model *model, now throttle.Instant) {
	model.see(now)
	if got := storage.Subjects(now); got != len(model.subjects) {
		t.Fatalf("%d subjects, should be %d", got, len(model.subjects))
	}
	for _, s := range model.subjects {
		held := storage.Grants(throttle.Check{Subject: s.id, Window: s.window})
		if len(held) == 0 || held[len(held)-1] != s.last() {
			t.Fatalf("%v was granted at %v, should be last at %d", s.id, held, s.last())
		}
	}
	if err := storage.Check(); err != nil {
		t.Fatalf("%v", err)
	}
}

// drawStep is how far the clock moves: not at all, somewhere, or right to where some window ends.
func drawStep(t *rapid.T, model *model, now throttle.Instant) time.Duration {
	switch kind := rapid.IntRange(0, 4).Draw(t, "kind of step"); {
	case kind < 2:
		return 0
	case kind == 2 || len(model.subjects) == 0:
		return time.Duration(rapid.Int64Range(0, int64(window/4)).Draw(t, "step"))
	default:
		ends := rapid.SampledFrom(model.subjects).Draw(t, "whose end").end()
		return max(0, now.Until(ends)+time.Duration(rapid.IntRange(-1, 1).Draw(t,
			"beside the end")))
	}
}

func drawAsks(t *rapid.T, limits [2]int) []throttle.Check {
	address := byAddress(rapid.IntRange(0, 5).Draw(t, "address"), limits[0])
	install := byInstall(rapid.IntRange(0, 8).Draw(t, "install"), limits[1])
	switch rapid.IntRange(0, 3).Draw(t, "who asks") {
	case 0:
		return []throttle.Check{install}
	case 1:
		return []throttle.Check{address}
	default:
		return []throttle.Check{address, install}
	}
}

// TestNewcomerIsNeverRefused floods a full storage: every newcomer is granted, whoever must go.
func TestNewcomerIsNeverRefused(t *testing.T) {
	for _, most := range []int{1, 2, 3, 10, 100} {
		storage := open(t, most, 8)
		for i := range 5 * most {
			decision := decide(t, storage, start, byAddress(i, 1), byInstall(i, 1))
			require.False(t, decision.Refused(), "%d of %d", i, most)
		}
		assert.Equal(t, most, storage.Subjects(start))
		assert.Equal(t, uint64(2*5*most-most), storage.Forgotten())
		last := decide(t, storage, start, byInstall(5*most-1, 1))
		assert.True(t, last.Refused(), "the last one is known still")
	}
}

// TestForgetsTheOldest: of a full storage, the subject goes whose last grant is oldest, not who came first.
func TestForgetsTheOldest(t *testing.T) {
	storage := open(t, 3, 8)
	for i := range 3 {
		decide(t, storage, start.After(time.Duration(i)), byInstall(i, 2))
	}
	decide(t, storage, start.After(3), byInstall(0, 2)) // 1 is the oldest now
	decide(t, storage, start.After(4), byInstall(3, 2))
	assert.Equal(t, uint64(1), storage.Forgotten())
	for number, holds := range map[int]bool{0: true, 1: false, 2: true, 3: true} {
		assert.Equal(t, holds, storage.Grants(byInstall(number, 2)) != nil, "%d", number)
	}
	refusal := decide(t, storage, start.After(5), byInstall(0, 2))
	assert.True(t, refusal.Refused())
	assert.Equal(t, uint64(1), storage.Forgotten(), "a refusal forgets nobody")
	for i := range 10 {
		decide(t, storage, start.After(5), byInstall(0, 2), byInstall(100+i, 2))
	}
	assert.Equal(t, uint64(1), storage.Forgotten(), "nor does one of several asks")
	assert.Equal(t, 3, storage.Subjects(start.After(5)))
}

// TestEndedGoFirst: a subject whose window is empty makes room before one that still counts is forgotten, whatever their windows, and
// however much room is wanted at once.
func TestEndedGoFirst(t *testing.T) {
	storage := open(t, 32, 100) // 256 instants
	long := func(number int) throttle.Check { return byAddress(number, 100) }
	short := func(number int) throttle.Check {
		ask := byInstall(number, 100)
		ask.Window = time.Second
		return ask
	}
	fill := func(at throttle.Instant, ask throttle.Check, grants int) {
		for range grants {
			decision := decide(t, storage, at, ask)
			require.False(t, decision.Refused())
		}
	}
	fill(start, long(0), 1) // whose last grant is oldest, and counts for a minute
	for i := range 20 {
		fill(start.After(1), short(i), 1)
	}
	fill(start.After(2), long(1), 64)
	fill(start.After(2), long(2), 100)
	fill(start.After(2), long(3), 32)
	fill(start.After(2), long(4), 16)
	require.Zero(t, storage.Forgotten())
	require.Equal(t, 1+20+64+100+32+16, storage.Instants())
	fill(start.After(2*time.Second), long(1), 1) // wants 36 more
	assert.Zero(t, storage.Forgotten(), "there were enough whose window was empty")
	assert.Len(t, storage.Grants(long(0)), 1)
}

// TestTheFloorNeverSinks: windows of two lengths end out of order, and a caller whose clock was read before all that gains nothing by it.
func TestTheFloorNeverSinks(t *testing.T) {
	storage := open(t, 100, 100)
	short := func(number int) throttle.Check {
		ask := byInstall(number, 1)
		ask.Window = time.Second
		return ask
	}
	decide(t, storage, start, byInstall(1, 1))                      // ends at start + window
	decide(t, storage, start.After(window-2*time.Second), short(2)) // ends a second before that
	assert.Zero(t, storage.Subjects(start.After(window)))           // lets go of both, the later end first
	decision := decide(t, storage, start.After(window-1), byInstall(1, 1))
	assert.False(t, decision.Refused(), "it counts as being at the end of its window")
	decision = decide(t, storage, start.After(2*window-1), byInstall(1, 1))
	assert.True(t, decision.Refused(), "the two grants may not lie in one window")
}
