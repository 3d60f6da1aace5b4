package throttle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/throttle"
)

const (
	start  throttle.Instant = 1_000_000_000_000
	window                  = time.Minute
)

// at returns the instant that is after later than start.
func at(after time.Duration) throttle.Instant { return start.After(after) }

// grants returns the instants of grants, all in one piece.
func grants(after ...time.Duration) throttle.Grants {
	var piece []throttle.Instant
	for _, d := range after {
		piece = append(piece, at(d))
	}
	return throttle.Grants{piece}
}

func TestInstant(t *testing.T) {
	assert.Equal(t, start+throttle.Instant(time.Second), start.After(time.Second))
	assert.Equal(t, start-1, start.After(-1))
	assert.Equal(t, time.Second, start.Until(start.After(time.Second)))
	assert.Equal(t, -time.Second, start.After(time.Second).Until(start))
	assert.Zero(t, start.Until(start))
}

// TestGrantsInPieces splits the same instants at every two places: the result must not depend on
// where.
func TestGrantsInPieces(t *testing.T) {
	all := []throttle.Instant{at(0), at(1), at(1), at(5), at(9)}
	for first := range len(all) + 1 {
		for second := first; second <= len(all); second++ {
			split := throttle.Grants{all[:first], all[first:second], all[second:]}
			assert.Equal(t, len(all), split.Len())
			for i, want := range all {
				assert.Equal(t, want, split.At(i), "index %d, split at %d and %d", i, first, second)
			}
			assert.Panics(t, func() { split.At(len(all)) })
			assert.Equal(t, at(9), split.Effective(at(8)))
			check := throttle.Check{Limit: 9, Window: 10}
			assert.Equal(t, 7, check.State(&split, at(11)).Remaining)
		}
	}
	var none throttle.Grants
	assert.Zero(t, none.Len())
	assert.Panics(t, func() { none.At(0) })
}

func TestGrantsLeaveWindow(t *testing.T) {
	given := grants(0, 0, time.Second, 2*time.Second)
	for name, c := range map[string]struct {
		now       time.Duration
		remaining int
	}{
		"at the last grant":                    {2 * time.Second, 1},
		"a nanosecond before the first leaves": {window - 1, 1},
		"when the first two leave":             {window, 3},
		"a nanosecond before the third leaves": {window + time.Second - 1, 3},
		"when the third leaves":                {window + time.Second, 4},
		"a nanosecond before the last leaves":  {window + 2*time.Second - 1, 4},
		"when the last leaves":                 {window + 2*time.Second, 5},
		"long after":                           {1000 * window, 5},
	} {
		check := throttle.Check{Limit: 5, Window: window}
		assert.Equal(t, c.remaining, check.State(&given, at(c.now)).Remaining, name)
	}
	var none throttle.Grants
	check := throttle.Check{Limit: 5, Window: window}
	assert.Equal(t, 5, check.State(&none, start).Remaining)
}

func TestEffective(t *testing.T) {
	given := grants(0, time.Second)
	assert.Equal(t, at(time.Second), given.Effective(at(-time.Hour)),
		"an instant before the last grant counts as that grant")
	assert.Equal(t, at(time.Second), given.Effective(at(time.Second-1)))
	assert.Equal(t, at(time.Second), given.Effective(at(time.Second)))
	assert.Equal(t, at(time.Second+1), given.Effective(at(time.Second+1)))
	var none throttle.Grants
	assert.Equal(t, at(-5), none.Effective(at(-5)))
}

func TestCheckState(t *testing.T) {
	for name, c := range map[string]struct {
		limit                  int
		given                  throttle.Grants
		now                    time.Duration
		remaining              int
		resetAfter, retryAfter time.Duration
	}{
		"no grants":          {3, grants(), 0, 3, 0, 0},
		"one grant now":      {3, grants(0), 0, 2, window, 0},
		"one about to leave": {3, grants(0), window - 1, 2, 1, 0},
		"one as it leaves":   {3, grants(0), window, 3, 0, 0},
		"one long gone":      {3, grants(0), 1000 * window, 3, 0, 0},
		"two, reset by the older": {3, grants(0, 10*time.Second), 15 * time.Second, 1,
			45 * time.Second, 0},
		"two, the older has left": {3, grants(0, 10*time.Second), window, 2, 10 * time.Second,
			0},
		"full":                            {3, grants(0, 1, 2), 2, 0, window - 2, window - 2},
		"full at one instant":             {3, grants(0, 0, 0), 0, 0, window, window},
		"full, a nanosecond before reset": {3, grants(0, 1, 2), window - 1, 0, 1, 1},
		"full, as the first leaves":       {3, grants(0, 1, 2), window, 1, 1, 0},
		"full, as two leave":              {3, grants(0, 0, 2), window, 2, 2, 0},
		"a limit of one":                  {1, grants(0), window - 1, 0, 1, 1},
		"a limit of one, at its end":      {1, grants(0), window, 1, 0, 0},
		"more kept than the limit":        {2, grants(0, 1, 2, 3), 3, 0, window - 1, window - 1},
		"more kept, older ones left":      {2, grants(0, 1, 2, 3), window + 1, 0, 1, 1},
		"more kept, all but one left":     {2, grants(0, 1, 2, 3), window + 2, 1, 1, 0},
		"more kept, all left":             {2, grants(0, 1, 2, 3), window + 3, 2, 0, 0},
		"a raised limit":                  {5, grants(0, 1), 1, 3, window - 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			check := throttle.Check{Dimension: throttle.ByInstall, Subject: throttle.Subject{1},
				Limit: c.limit, Window: window}
			want := throttle.State{Check: check, Remaining: c.remaining, ResetAfter: c.resetAfter,
				RetryAfter: c.retryAfter}
			assert.Equal(t, want, check.State(&c.given, at(c.now)))
		})
	}
}

func TestGranted(t *testing.T) {
	check := throttle.Check{Limit: 3, Window: window}
	for name, c := range map[string]struct{ before, after throttle.State }{
		"the first": {throttle.State{Check: check, Remaining: 3},
			throttle.State{Check: check, Remaining: 2, ResetAfter: window}},
		"a second one": {throttle.State{Check: check, Remaining: 2, ResetAfter: 5},
			throttle.State{Check: check, Remaining: 1, ResetAfter: 5}},
		"the last one": {throttle.State{Check: check, Remaining: 1, ResetAfter: 1},
			throttle.State{Check: check, Remaining: 0, ResetAfter: 1}},
	} {
		assert.Equal(t, c.after, c.before.Granted(), name)
	}
}
