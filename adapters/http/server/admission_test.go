package server_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// TestSlotsAreGivenInOrder has requests queue for two slots, and checks who gets one when.
func TestSlotsAreGivenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		admission := server.NewAdmission(2, 100)
		require.NoError(t, admission.Acquire(t.Context()))
		require.NoError(t, admission.Acquire(t.Context()))
		var got []int
		for n := range 5 {
			go func() {
				assert.NoError(t, admission.Acquire(context.Background()))
				got = append(got, n)
			}()
			synctest.Wait()
		}
		assert.Empty(t, got)
		for n := range 5 {
			admission.Release()
			synctest.Wait()
			assert.Len(t, got, n+1, "a slot that is given back goes to one request at once")
		}
		assert.Equal(t, []int{0, 1, 2, 3, 4}, got)
		admission.Release()
		admission.Release()
		slots, queued := admission.Taken()
		assert.Zero(t, slots+queued)
	})
}

// TestWaitForSlotIsBounded checks that a request waits for exactly a second, not at all if too many
// wait already, and no longer than its client; and that none of them takes a slot with it.
func TestWaitForSlotIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		admission := server.NewAdmission(1, 2)
		require.NoError(t, admission.Acquire(t.Context()))
		start := time.Now()
		timed := make(chan error, 1)
		go func() { timed <- admission.Acquire(context.Background()) }()
		synctest.Wait()
		client, goAway := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- admission.Acquire(client) }()
		synctest.Wait()

		assert.ErrorIs(t, admission.Acquire(t.Context()), server.ErrNoSlot)
		assert.Zero(t, time.Since(start), "the queue is full")
		goAway()
		assert.ErrorIs(t, <-gone, context.Canceled)
		assert.Zero(t, time.Since(start))
		assert.ErrorIs(t, <-timed, server.ErrNoSlot)
		assert.Equal(t, time.Second, time.Since(start))

		slots, queued := admission.Taken()
		assert.Equal(t, 1, slots)
		assert.Zero(t, queued)
		admission.Release()
		assert.NoError(t, admission.Acquire(t.Context()))
	})
}
