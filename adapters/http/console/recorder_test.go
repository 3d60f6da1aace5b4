package console

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

var noon = time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)

func install(n int) (subject throttle.Subject) {
	binary.BigEndian.PutUint64(subject[:], uint64(n))
	return subject
}

// total returns the sum of one count over all slots.
func (r *Recorder) total(count int) int {
	sum := 0
	for _, of := range r.traffic.read(r.clock.Instant()) {
		sum += of[count]
	}
	return sum
}

func TestTrafficCountsFifteenMinutes(t *testing.T) {
	clock := portsfake.NewClock(noon)
	r := NewRecorder(clock)
	r.Record(context.Background(), ports.SessionIssued{})
	r.Record(context.Background(), ports.SessionIssued{Renewed: true})
	slots := r.traffic.read(clock.Instant())
	assert.Equal(t, 1, slots[slotCount-1][countNew], "the last slot is that of now")
	assert.Equal(t, 1, slots[slotCount-1][countRenewed])

	clock.Advance((slotCount - 1) * slotLength)
	assert.Equal(t, 1, r.traffic.read(clock.Instant())[0][countNew], "the first is the oldest")
	clock.Advance(slotLength)
	assert.Zero(t, r.total(countNew), "older slots are not shown")

	r.Record(context.Background(), ports.SessionIssued{})
	assert.Equal(t, 1, r.total(countNew), "a slot is emptied when it is used again")
	clock.Advance(24 * time.Hour)
	assert.Zero(t, r.total(countNew))
}

func TestTrafficCountsEachDimensionAndBudget(t *testing.T) {
	r := NewRecorder(portsfake.NewClock(noon))
	seen := map[int]bool{}
	for count := range firstDimension {
		seen[count] = true
	}
	for i, dimension := range throttle.Dimensions() {
		for range i + 1 {
			r.Record(context.Background(), ports.IssuanceThrottled{Dimension: dimension})
		}
		assert.Equal(t, i+1, r.total(countOf(dimension)), dimension)
		assert.False(t, seen[countOf(dimension)])
		seen[countOf(dimension)] = true
		assert.NotEmpty(t, whatOf(dimension))
	}
	for i, budget := range ports.Budgets() {
		for range i + 1 {
			r.Record(context.Background(), ports.RequestsShed{Budget: budget})
		}
		r.Record(context.Background(), ports.ConnectionRefused{Budget: budget})
		assert.Equal(t, i+2, r.total(shedOf(budget)), budget)
		assert.False(t, seen[shedOf(budget)])
		seen[shedOf(budget)] = true
	}
	assert.Len(t, seen, counts)
}

// TestLastMinuteIncludesTheSlotThatStillGrows checks that an event counts for a minute at least,
// and not for longer than a minute and the length of a slot.
func TestLastMinuteIncludesTheSlotThatStillGrows(t *testing.T) {
	clock := portsfake.NewClock(noon)
	r := NewRecorder(clock)
	c := &Console{Parts: Parts{Recorder: r,
		Settings: Settings{LimitOf: func(throttle.Dimension) int { return 0 }}}}
	issued := func() int {
		var v view
		c.counts(&v, clock.Instant())
		return v.Traffic.LastMinute.Issued
	}
	r.Record(context.Background(), ports.SessionIssued{})
	assert.Equal(t, 1, issued())
	clock.Advance(time.Minute)
	assert.Equal(t, 1, issued())
	clock.Advance(slotLength)
	assert.Zero(t, issued())
}

// TestTrafficIgnoresOldInstants checks that an event whose time was read 15 minutes ago is not
// counted in the slot that has been used again since.
func TestTrafficIgnoresOldInstants(t *testing.T) {
	traffic := newTraffic()
	old := throttle.Instant(time.Hour)
	now := old + throttle.Instant(slotCount*slotLength)
	traffic.add(now, countNew)
	traffic.add(old, countNew)
	assert.Equal(t, 1, traffic.read(now)[slotCount-1][countNew])
}

// TestTrafficLosesNoEvent records from many goroutines while slots are emptied.
func TestTrafficLosesNoEvent(t *testing.T) {
	clock := portsfake.NewClock(noon)
	r := NewRecorder(clock)
	for range 3 {
		clock.Advance(slotCount * slotLength) // so that the slot is one that was used before
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 500 {
					r.Record(context.Background(), ports.SessionIssued{})
				}
			})
		}
		all.Wait()
		assert.Equal(t, 4000, r.total(countNew))
	}
}

// TestInstallsFindTheMostFrequent has three installations stand out of a crowd of which each is
// refused once.
func TestInstallsFindTheMostFrequent(t *testing.T) {
	var i installs
	now := throttle.Instant(time.Hour)
	crowd := 1000
	for n := range 10_000 {
		crowd++
		i.add(now, install(crowd))
		i.add(now, install(1))
		if n%2 == 0 {
			i.add(now, install(2))
		}
		if n%4 == 0 {
			i.add(now, install(3))
		}
	}
	top, all := i.top(now)
	require.Len(t, top, topCount)
	assert.Equal(t, 27_500, all)
	for at, exact := range []int{10_000, 5_000, 2_500} {
		assert.Equal(t, install(at+1), top[at].install)
		assert.LessOrEqual(t, top[at].atLeast, exact)
		assert.Greater(t, top[at].atLeast, exact*9/10)
	}
	assert.LessOrEqual(t, top[3].atLeast, 1, "the crowd does not pass for one that stands out")
}

func TestInstallsForget(t *testing.T) {
	var i installs
	start := throttle.Instant(time.Hour)
	i.add(start, install(1))
	i.add(start.After(spanLength), install(1))
	later := start.After(2 * spanLength)
	i.add(later, install(2))
	at := func(now throttle.Instant, want int) []refused {
		t.Helper()
		top, all := i.top(now)
		assert.Equal(t, want, all)
		return top
	}
	assert.Equal(t, []refused{{install(1), 2}, {install(2), 1}}, at(later, 3))
	assert.Equal(t, []refused{{install(1), 1}, {install(2), 1}}, at(start.After(3*spanLength), 2))
	assert.Empty(t, at(start.After(24*time.Hour), 0))
	i.add(start.After(3*spanLength), install(3)) // in place of the first summary
	assert.Len(t, at(start.After(3*spanLength), 3), 3)
}

func TestHistoryIsBounded(t *testing.T) {
	clock := portsfake.NewClock(noon)
	r := NewRecorder(clock)
	long := errors.New(strings.Repeat("ä", 10_000))
	for range 1000 {
		clock.Advance(time.Minute)
		r.Record(context.Background(), ports.LimiterOutageStarted{Cause: long})
		r.Record(context.Background(), ports.LimiterOutageEnded{})
		r.Record(context.Background(), ports.ReloadFailed{Material: ports.MaterialKeys, Cause: long})
	}
	standing := r.history.read()
	assert.Len(t, standing.incidents, historyLength)
	assert.Equal(t, r.now(), standing.incidents[0].at, "the latest is the first")
	for _, incident := range standing.incidents {
		assert.LessOrEqual(t, len(incident.detail), maxDetail+len("…"))
	}
	assert.Nil(t, standing.outage)
	assert.Len(t, standing.failing, 1)
	r.Record(context.Background(), ports.Reloaded{Content: ports.KeysContent{}})
	assert.Empty(t, r.history.read().failing)
}

// TestMemoryIsFixed records a day of all events that clients can cause, of 4096 installations in
// turn: nothing is allocated.
func TestMemoryIsFixed(t *testing.T) {
	clock := portsfake.NewClock(noon)
	r := NewRecorder(clock)
	events := []ports.Event{ports.SessionIssued{}, ports.SessionIssued{Renewed: true},
		ports.TokenVerified{Reason: token.ReasonUnknownKey}, ports.ForwardedByStranger{},
		ports.ProofJudged{}, ports.ProofJudged{Reason: proof.ReasonURI},
		ports.RequestsShed{Budget: ports.BudgetWaiting}, ports.ConsoleRefused{},
		ports.ConnectionRefused{Budget: ports.BudgetConnections}, ports.CORSRefused{},
		ports.LimiterOutageDecision{}}
	var refusals []ports.Event
	for n := range 4096 {
		refusals = append(refusals, ports.IssuanceThrottled{Install: install(n)})
	}
	second := 0
	assert.Zero(t, testing.AllocsPerRun(24*3600, func() {
		second++
		for _, event := range events {
			r.Record(context.Background(), event)
		}
		r.Record(context.Background(), refusals[second%len(refusals)])
		r.Answered(500)
		clock.Advance(time.Second)
	}))
	assert.Less(t, int(unsafe.Sizeof(*r)+unsafe.Sizeof(*r.traffic))+4*slotCount*counts, 64<<10,
		"the size of all, but for the few incidents")
}

// BenchmarkRecord measures what the recorder adds to an event. The sub-benchmark none is the loop
// and the call through the interface alone, and clock is one reading of the clock, which most of
// the others consist of.
func BenchmarkRecord(b *testing.B) {
	clock := monotonic{time.Now()}
	recorder := NewRecorder(clock)
	n := 0
	for _, c := range []struct {
		name  string
		to    ports.Events
		event func() ports.Event
	}{
		{"none", none{}, func() ports.Event { return ports.SessionIssued{} }},
		{"issued", recorder, func() ports.Event { return ports.SessionIssued{} }},
		{"verified", recorder, func() ports.Event { return ports.TokenVerified{} }},
		{"unknown key", recorder, func() ports.Event {
			return ports.TokenVerified{Reason: token.ReasonUnknownKey}
		}},
		{"refused, few installations", recorder, func() ports.Event {
			n++
			return ports.IssuanceThrottled{Install: install(n % 8)}
		}},
		{"refused, each another one", recorder, func() ports.Event {
			n++
			return ports.IssuanceThrottled{Install: install(n)}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.to.Record(context.Background(), c.event())
			}
		})
	}
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			clock.Instant()
		}
	})
	b.Run("answered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			recorder.Answered(200)
		}
	})
	b.Run("issued, parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				recorder.Record(context.Background(), ports.SessionIssued{})
			}
		})
	})
}

// none is a ports.Events that does nothing.
type none struct{}

func (none) Record(context.Context, ports.Event) {}

// monotonic is a ports.Clock of the system.
type monotonic struct{ start time.Time }

func (m monotonic) Now() time.Time { return time.Now() }

func (m monotonic) Instant() throttle.Instant { return throttle.Instant(time.Since(m.start)) }
