package throttle_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/throttle"
)

// TestNeverExceedsLimitInAnyWindow makes many checks for one subject, some with an instant in the
// past, and compares them with a plain count of grants: no half-open window, wherever it starts,
// may hold more grants than the limit, and no check may be refused or delayed without need.
func TestNeverExceedsLimitInAnyWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		check := throttle.Check{
			Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
			// So short that window boundaries often coincide.
			Window: time.Duration(rapid.IntRange(1, 12).Draw(t, "window")),
		}
		maxKept := check.Limit + rapid.IntRange(0, 3).Draw(t, "kept beyond the limit")
		var granted []throttle.Instant
		clock := start
		for range rapid.IntRange(1, 40).Draw(t, "checks") {
			clock = clock.After(time.Duration(rapid.IntRange(0, 6).Draw(t, "step")))
			now := clock.After(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 5, 100}).Draw(t,
				"late by")))
			kept := split(t, granted[max(0, len(granted)-maxKept):])
			now = kept.Effective(now)
			state := check.State(&kept, now)
			requireState(t, check, granted, now, state)
			if state.RetryAfter > 0 {
				continue
			}
			granted = append(granted, now)
			after := split(t, granted[max(0, len(granted)-maxKept):])
			if want := check.State(&after, now); state.Granted().Remaining != want.Remaining ||
				state.Granted().ResetAfter != want.ResetAfter {
				t.Fatalf("state after the grant is %+v, want %+v", state.Granted(), want)
			}
		}
		for _, from := range granted {
			// It is enough to check windows that start at a grant: any window can be moved there
			// without losing a grant.
			if n := within(granted, from, from.After(check.Window)); n > check.Limit {
				t.Fatalf("%d grants in the window from %d: %v", n, from, granted)
			}
		}
	})
}

// requireState compares a state with a plain count: the window that ends at an instant, inclusive,
// is (i-W, i].
func requireState(
	t *rapid.T, check throttle.Check, granted []throttle.Instant, now throttle.Instant,
	state throttle.State,
) {
	remaining := func(at throttle.Instant) int {
		return check.Limit - within(granted, at.After(1-check.Window), at+1)
	}
	if state.Check != check || state.Remaining != remaining(now) {
		t.Fatalf("Remaining is %d, want %d", state.Remaining, remaining(now))
	}
	if (state.RetryAfter > 0) != (remaining(now) == 0) || state.RetryAfter < 0 ||
		state.RetryAfter > check.Window {
		t.Fatalf("%d remaining with RetryAfter %d", remaining(now), state.RetryAfter)
	}
	if state.RetryAfter > 0 && (remaining(now.After(state.RetryAfter)) == 0 ||
		remaining(now.After(state.RetryAfter-1)) != 0) {
		t.Fatalf("RetryAfter %d is too short or too long: %v at %d", state.RetryAfter, granted,
			now)
	}
	if (state.ResetAfter == 0) != (remaining(now) == check.Limit) {
		t.Fatalf("%d remaining with ResetAfter %d", remaining(now), state.ResetAfter)
	}
	if state.ResetAfter > 0 && (remaining(now.After(state.ResetAfter)) <= remaining(now) ||
		remaining(now.After(state.ResetAfter-1)) != remaining(now)) {
		t.Fatalf("ResetAfter %d is too short or too long: %v at %d", state.ResetAfter, granted, now)
	}
}

// within returns the number of instants in [from, until).
func within(instants []throttle.Instant, from, until throttle.Instant) int {
	n := 0
	for _, instant := range instants {
		if from <= instant && instant < until {
			n++
		}
	}
	return n
}

// split returns instants in three pieces, any of which may be empty.
func split(t *rapid.T, all []throttle.Instant) throttle.Grants {
	first := rapid.IntRange(0, len(all)).Draw(t, "first cut")
	second := rapid.IntRange(first, len(all)).Draw(t, "second cut")
	return throttle.Grants{all[:first], all[first:second], all[second:]}
}
