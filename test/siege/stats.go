package main

import (
	"slices"
	"time"
)

// sample is one request of the others. Requests are sent when they are due, whatever became of the
// earlier ones, so that a stall of the service affects every request that is due meanwhile.
type sample struct {
	due time.Time
	// late is how long after that the request was sent: the delay of the rig itself, because the
	// machine was busy.
	late   time.Duration
	wait   time.Duration // from when it was sent
	done   bool
	failed bool
}

// samples are requests in the order in which they were due.
type samples []sample

// between returns the requests that were due from one instant until before another.
func (s samples) between(from, to time.Time) samples {
	at := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(s, t, func(one sample, t time.Time) int {
			return one.due.Compare(t)
		})
		return i
	}
	first := at(from)
	return s[first:max(first, at(to))]
}

// percentile returns the shortest time within which so many percent of the requests had their
// response. A request that failed counts as one that waited for the whole timeout. It returns 0
// without requests.
func (s samples) percentile(percent int) time.Duration {
	return s.rank(percent, func(one sample) time.Duration {
		if one.failed || !one.done {
			return max(one.wait, patience)
		}
		return one.wait
	})
}

// lateness returns the percentile of the rig's own delays.
func (s samples) lateness(percent int) time.Duration {
	return s.rank(percent, func(one sample) time.Duration { return one.late })
}

func (s samples) rank(percent int, of func(sample) time.Duration) time.Duration {
	if len(s) == 0 {
		return 0
	}
	all := make([]time.Duration, len(s))
	for i, one := range s {
		all[i] = of(one)
	}
	slices.Sort(all)
	return all[(len(all)*percent+99)/100-1]
}

// failures counts the requests that failed.
func (s samples) failures() (count int) {
	for _, one := range s {
		if one.failed {
			count++
		}
	}
	return count
}

// complete reports whether every request has ended.
func (s samples) complete() bool {
	return !slices.ContainsFunc(s, func(one sample) bool { return !one.done })
}

// window is the time over which a percentile shows that the others are served as in calm.
const window = 500 * time.Millisecond

// calmFrom returns the beginning of the first window after from in which the 99th percentile stays
// within bound. It returns false if there is none until now, or if that is not known yet.
func (s samples) calmFrom(from, now time.Time, bound time.Duration) (time.Time, bool) {
	for begin := from; !begin.Add(window).After(now); begin = begin.Add(window) {
		in := s.between(begin, begin.Add(window))
		if !in.complete() {
			return time.Time{}, false
		}
		if len(in) > 0 && in.percentile(99) <= bound {
			return begin, true
		}
	}
	return time.Time{}, false
}
