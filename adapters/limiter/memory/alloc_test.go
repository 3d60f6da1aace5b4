package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
)

// TestKnownSubjectAllocatesNothing shows that a decision on known subjects, whose grants fit their
// ring buffers, allocates nothing.
func TestKnownSubjectAllocatesNothing(t *testing.T) {
	const limit = 1000
	ctx := context.Background()
	storage := open(t, 1000, limit)
	check := func(now throttle.Instant, checks throttle.Checks, refused bool) {
		decision, err := storage.Decide(ctx, now, checks)
		if err != nil || decision.Refused() != refused {
			t.Fatalf("refused is %v, error %v", decision.Refused(), err)
		}
	}

	both := throttle.NewChecks(byAddress(1, limit), byNetwork(1, limit), byInstall(1, limit))
	for range 600 { // a ring buffer has room for 508 or for 996 instants then
		check(start, both, false)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		check(start, both, false)
	}), "granted, with room in the ring buffer")

	atLimit := throttle.NewChecks(byAddress(1, limit), byInstall(2, 1))
	check(start, atLimit, false)
	assert.Zero(t, testing.AllocsPerRun(100, func() { check(start, atLimit, true) }), "refused")
	unknown := throttle.NewChecks(byInstall(3, 1), byInstall(2, 1))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		check(start, unknown, true)
	}), "refused, with one unknown subject")
	require.Empty(t, storage.Grants(byInstall(3, 1)), "a refusal stores nothing")

	// A subject that is always at its limit, whose oldest grant expires as the next is made.
	now, steady := start, throttle.NewChecks(byInstall(4, 4))
	for range 4 {
		now = now.After(window / 4)
		check(now, steady, false)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		now = now.After(window / 4)
		check(now, steady, false)
		check(now, steady, true)
	}), "granted at the limit, as windows move on")

	// A subject with one grant in each window.
	alone := throttle.NewChecks(byInstall(5, 4))
	check(now, alone, false)
	check(now, throttle.NewChecks(byInstall(6, 4)), false)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		now = now.After(window - time.Second)
		check(now, alone, false)
	}), "granted again before it expired")
}
