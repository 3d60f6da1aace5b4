package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
)

// TestKnownSubjectAllocatesNothing: a decision on subjects that are known, and whose grants have room, costs the garbage collector nothing.
func TestKnownSubjectAllocatesNothing(t *testing.T) {
	const limit = 1000
	ctx := context.Background()
	storage := open(t, 1000, limit)
	ask := func(now throttle.Instant, asks throttle.Checks, refused bool) {
		decision, err := storage.Decide(ctx, now, asks)
		if err != nil || decision.Refused() != refused {
			t.Fatalf("refused: %v, %v", decision.Refused(), err)
		}
	}

	both := throttle.NewChecks(byAddress(1, limit), byInstall(1, limit))
	for range 600 { // a ring has room for 511 or for 999 then
		ask(start, both, false)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		ask(start, both, false)
	}), "granted, with room")

	barred := throttle.NewChecks(byAddress(1, limit), byInstall(2, 1))
	ask(start, barred, false)
	assert.Zero(t, testing.AllocsPerRun(100, func() { ask(start, barred, true) }), "refused")
	stranger := throttle.NewChecks(byInstall(3, 1), byInstall(2, 1))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		ask(start, stranger, true)
	}), "refused, with one that is not known")
	require.Empty(t, storage.Grants(byInstall(3, 1)), "a refusal stores nothing")

	// A subject at its limit all the time, whose oldest grant leaves as the next is given.
	now, steady := start, throttle.NewChecks(byInstall(4, 4))
	for range 4 {
		now = now.After(window / 4)
		ask(now, steady, false)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		now = now.After(window / 4)
		ask(now, steady, false)
		ask(now, steady, true)
	}), "granted at the limit, as windows move on")

	// A subject with one grant in each window.
	alone := throttle.NewChecks(byInstall(5, 4))
	ask(now, alone, false)
	ask(now, throttle.NewChecks(byInstall(6, 4)), false)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		now = now.After(window - time.Second)
		ask(now, alone, false)
	}), "granted again before it ended")
}
