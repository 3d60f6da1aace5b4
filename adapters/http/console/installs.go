package console

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

const (
	// spanLength is how long one summary counts. The summaries together go back 10 to 15 minutes.
	spanLength = 5 * time.Minute
	spanCount  = 3
	// spanEntries is how many installations a summary follows.
	spanEntries = 64
	// topCount is how many installations are shown.
	topCount = 10
)

// installs counts the refusals of the installations that are refused most, in memory of fixed size:
// the space-saving algorithm (Metwally, Agrawal, El Abbadi 2005) over stretches of time. An
// installation with more than 1/64 of the refusals of a stretch is in its summary for certain.
type installs struct {
	mu    sync.Mutex
	spans [spanCount]span
}

// span is the summary of one stretch of time.
type span struct {
	tick    int64 // spanLengths since the clock started; 0 for none
	all     int   // refusals of all installations
	used    int
	entries [spanEntries]entry
}

// entry counts the refusals of one installation. Their number is at least count-over and at most
// count: over is the count of the installation whose entry this one replaced.
type entry struct {
	install     throttle.Subject
	count, over int
}

// spanOf returns the tick of the span that now is in. It is never 0.
func spanOf(now throttle.Instant) int64 { return int64(now)/int64(spanLength) + 1 }

// add counts one refusal of an installation at now.
func (i *installs) add(now throttle.Instant, install throttle.Subject) {
	i.mu.Lock()
	defer i.mu.Unlock()
	tick := spanOf(now)
	s := &i.spans[tick%spanCount]
	if s.tick < tick {
		s.tick, s.all, s.used = tick, 0, 0
	}
	s.add(install)
}

// add counts one refusal. If all entries are used by other installations, it replaces the one with
// the smallest count.
func (s *span) add(install throttle.Subject) {
	s.all++
	least := 0
	for i := range s.entries[:s.used] {
		e := &s.entries[i]
		if e.install == install {
			e.count++
			return
		}
		if e.count < s.entries[least].count {
			least = i
		}
	}
	if s.used < spanEntries {
		s.entries[s.used] = entry{install: install, count: 1}
		s.used++
		return
	}
	e := &s.entries[least]
	*e = entry{install: install, count: e.count + 1, over: e.count}
}

// refused is an installation and the least number of its refusals.
type refused struct {
	install throttle.Subject
	atLeast int
}

// top returns the installations that were refused most, the most frequent first, and how many
// refusals there were of all installations in the same time.
func (i *installs) top(now throttle.Instant) (list []refused, all int) {
	sums := map[throttle.Subject]int{}
	i.mu.Lock()
	for at := range i.spans {
		s := &i.spans[at]
		if s.tick == 0 || s.tick <= spanOf(now)-spanCount {
			continue
		}
		all += s.all
		for _, e := range s.entries[:s.used] {
			sums[e.install] += e.count - e.over
		}
	}
	i.mu.Unlock()
	list = make([]refused, 0, len(sums))
	for install, atLeast := range sums {
		list = append(list, refused{install, atLeast})
	}
	slices.SortFunc(list, func(a, b refused) int {
		return cmp.Or(cmp.Compare(b.atLeast, a.atLeast), slices.Compare(a.install[:], b.install[:]))
	})
	return list[:min(len(list), topCount)], all
}
