package follow

import (
	"context"
	"errors"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/ports"
)

// state acts on the results of looks. Only the goroutine of run uses it.
type state[T any] struct {
	*Follower[T]
	// last is the result of the last look, if it is neither in force nor reported. since is when
	// that result was first seen, and unsettled when the first of an unbroken series of such
	// results was seen.
	last             *seen[T]
	since, unsettled time.Time
	// reportedFault and reportedUnwatched are the texts of the errors that were reported and still
	// last; empty for none.
	reportedFault, reportedUnwatched string
}

// take puts valid and new content in force, or reports an error, and returns how long to wait for
// the next look. A result is acted on after a quiet period: either quiet is true, or all looks
// during the period had the same result.
func (s *state[T]) take(ctx context.Context, found seen[T], quiet bool) time.Duration {
	s.takeUnwatched(ctx, found.unwatched)
	if s.settled(found) {
		s.last = nil
		return s.interval
	}
	now := time.Now()
	if s.last == nil {
		s.unsettled = now
	}
	if s.last == nil || !s.same(*s.last, found) {
		s.since = now
	}
	s.last = &found
	age, wait := now.Sub(s.since), quietPeriod
	if quiet || now.Sub(s.unsettled) >= maxQuietWait {
		wait = 0
	}
	if found.err != nil {
		wait = max(wait, s.Tolerance)
	}
	if age < wait {
		return min(wait-age, s.interval)
	}
	s.last = nil
	if found.err != nil {
		s.fail(ctx, found.err)
		return s.interval
	}
	s.reportedFault = ""
	s.failing.Store(false)
	s.Events.Record(ctx, ports.Reloaded{Content: s.Replace(found.value)})
	return s.interval
}

// settled reports whether a result needs no action: its value is in force, or its error was
// reported.
func (s *state[T]) settled(found seen[T]) bool {
	if found.err != nil {
		return found.err.Error() == s.reportedFault
	}
	return s.reportedFault == "" && s.Same(found.value, s.Current())
}

// same reports whether two looks had the same result.
func (s *state[T]) same(a, b seen[T]) bool {
	if a.err != nil || b.err != nil {
		return a.err != nil && b.err != nil && a.err.Error() == b.err.Error()
	}
	return s.Same(a.value, b.value)
}

// fail records that the follower is failing, and reports err unless it was reported already.
func (s *state[T]) fail(ctx context.Context, err error) {
	s.failing.Store(true)
	if text := err.Error(); text != s.reportedFault {
		s.reportedFault = text
		s.Events.Record(ctx, s.failure(err))
	}
}

// failure returns the event that reports an error. It names the file if there is only one, and the
// remedy for the first fault.
func (s *state[T]) failure(err error) ports.ReloadFailed {
	failed := ports.ReloadFailed{Material: s.Material, Cause: err}
	if len(s.Paths) == 1 {
		failed.File = s.Paths[0]
	}
	if fault, is := errors.AsType[*securefile.Fault](err); is {
		failed.Remedy = fault.Remedy
	}
	return failed
}

// takeUnwatched reports an error of the watch unless it was reported already.
func (s *state[T]) takeUnwatched(ctx context.Context, err error) {
	if err == nil {
		s.reportedUnwatched = ""
		return
	}
	if text := err.Error(); text != s.reportedUnwatched {
		s.reportedUnwatched = text
		s.Events.Record(ctx, ports.WatchFailed{Material: s.Material, Cause: err})
	}
}
