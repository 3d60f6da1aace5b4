package throttle_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/throttle"
)

// TestPromise asks again and again for one subject, with a caller now and then who is late, and counts grants one by one: in no half-open
// window, wherever it starts, may there be more than the limit, and nobody may be refused or made to wait without need.
func TestPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ask := throttle.Check{
			Limit:  rapid.IntRange(1, 5).Draw(t, "limit"),
			Window: time.Duration(rapid.IntRange(1, 12).Draw(t, "window")), // so short that edges meet all the time
		}
		keeps := ask.Limit + rapid.IntRange(0, 3).Draw(t, "kept beyond the limit")
		var granted []throttle.Instant
		clock := start
		for range rapid.IntRange(1, 40).Draw(t, "asks") {
			clock = clock.After(time.Duration(rapid.IntRange(0, 6).Draw(t, "step")))
			now := clock.After(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 5, 100}).Draw(t,
				"late by")))
			kept := cutUp(t, granted[max(0, len(granted)-keeps):])
			now = kept.Effective(now)
			standing := ask.State(&kept, now)
			checkStanding(t, ask, granted, now, standing)
			if standing.RetryAfter > 0 {
				continue
			}
			granted = append(granted, now)
			after := cutUp(t, granted[max(0, len(granted)-keeps):])
			if want := ask.State(&after, now); standing.Granted().Remaining != want.Remaining ||
				standing.Granted().ResetAfter != want.ResetAfter {
				t.Fatalf("after the grant it stands at %+v, should be %+v", standing.Granted(),
					want)
			}
		}
		for _, from := range granted {
			// A window that holds the most can be moved until it starts at a grant.
			if n := within(granted, from, from.After(ask.Window)); n > ask.Limit {
				t.Fatalf("%d grants in the window from %d: %v", n, from, granted)
			}
		}
	})
}

// checkStanding holds a standing against the plain count: the window that ends at an instant, that instant included, is (i-W, i].
func checkStanding(t *rapid.T, ask throttle.Check, granted []throttle.Instant, now throttle.Instant,
	standing throttle.State) {
	left := func(at throttle.Instant) int {
		return ask.Limit - within(granted,
			at.After(1-ask.Window), at+1)
	}
	if standing.Check != ask || standing.Remaining != left(now) {
		t.Fatalf("%d left, should be %d", standing.Remaining, left(now))
	}
	if (standing.RetryAfter > 0) != (left(now) == 0) || standing.RetryAfter < 0 ||
		standing.RetryAfter > ask.Window {
		t.Fatalf("%d left, and a wait of %d", left(now), standing.RetryAfter)
	}
	if standing.RetryAfter > 0 && (left(now.After(standing.RetryAfter)) == 0 ||
		left(now.After(standing.RetryAfter-1)) != 0) {
		t.Fatalf("a wait of %d is too short or too long: %v at %d", standing.RetryAfter, granted,
			now)
	}
	if (standing.ResetAfter == 0) != (left(now) == ask.Limit) {
		t.Fatalf("%d left, and grows in %d", left(now), standing.ResetAfter)
	}
	if standing.ResetAfter > 0 && (left(now.After(standing.ResetAfter)) <= left(now) ||
		left(now.After(standing.ResetAfter-1)) != left(now)) {
		t.Fatalf("grows in %d, too early or too late: %v at %d", standing.ResetAfter, granted, now)
	}
}

// within counts the instants from one on, and before another.
func within(instants []throttle.Instant, from, until throttle.Instant) int {
	n := 0
	for _, instant := range instants {
		if from <= instant && instant < until {
			n++
		}
	}
	return n
}

// cutUp shows instants in three pieces, any of which may be empty.
func cutUp(t *rapid.T, all []throttle.Instant) throttle.Grants {
	first := rapid.IntRange(0, len(all)).Draw(t, "first cut")
	second := rapid.IntRange(first, len(all)).Draw(t, "second cut")
	return throttle.Grants{all[:first], all[first:second], all[second:]}
}
