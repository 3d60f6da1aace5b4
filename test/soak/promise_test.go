package soak_test

import (
	"time"
)

// storages says when storages decided: a shared one until another took its place, and the
// processes' own during outages.
type storages struct {
	moved  time.Time
	locals map[*process][]span
}

// in returns how many storages decided between two instants.
func (s storages) in(from, to time.Time) int {
	count := 1
	if from.Before(s.moved) && to.After(s.moved) {
		count++
	}
	for _, spans := range s.locals {
		for _, one := range spans {
			if one.sent.Before(to) && one.done.After(from) {
				count++
				break
			}
		}
	}
	return count
}

// most is the most that a subject was granted in a window in which so many storages decided.
type most map[int]int

// count returns the most grants that a subject surely got within any window: those that were
// requested and received within it. The grants are sorted.
func (s storages) count(grants []span) most {
	const window = windowSeconds * time.Second
	found := most{}
	for _, first := range grants {
		end, inside := first.sent.Add(window), 0
		for _, one := range grants {
			if !one.sent.Before(first.sent) && one.done.Before(end) {
				inside++
			}
		}
		deciding := s.in(first.sent, end)
		found[deciding] = max(found[deciding], inside)
	}
	return found
}
