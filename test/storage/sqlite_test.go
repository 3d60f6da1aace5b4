package storage

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portstest"
)

// openWithCallersClock opens a storage that takes the caller's instants, as the suite requires.
func openWithCallersClock(t testing.TB, path string) *Storage {
	t.Helper()
	storage, err := open(path, func(callers throttle.Instant) throttle.Instant { return callers })
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, storage.Close()) })
	return storage
}

// TestConformance runs the suite for every limiter storage, with a new file for each test.
func TestConformance(t *testing.T) {
	folder := t.TempDir()
	var count atomic.Int64
	portstest.TestLimiter(t, func(t testing.TB) ports.LimiterStorage {
		return openWithCallersClock(t, filepath.Join(folder, fmt.Sprint(count.Add(1))))
	})
}

// checks has a window that is longer than any test runs, so that no grant expires meanwhile.
var checks = throttle.NewChecks(throttle.Check{Subject: throttle.Subject{1}, Limit: 4,
	Window: time.Hour})

// TestTwoHandlesShareALimit shows what the suite cannot, as it knows one handle only: that two
// handles on one file, as two processes have, share a limit.
func TestTwoHandlesShareALimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grants")
	var granted atomic.Int64
	var group sync.WaitGroup
	for range 2 {
		storage, err := Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, storage.Close()) })
		for range 8 {
			group.Go(func() {
				decision, err := storage.Decide(context.Background(), 0, checks)
				if assert.NoError(t, err) && !decision.Refused() {
					granted.Add(1)
				}
			})
		}
	}
	group.Wait() // returns, because Decide is bounded
	assert.EqualValues(t, 4, granted.Load())
}

// TestFailuresHoldNoPath shows that every failure is an error, by the deadline, and that no error
// holds the path.
func TestFailuresHoldNoPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grants")
	t.Run("a locked file, by the deadline", func(t *testing.T) {
		holder, storage := openWithCallersClock(t, path), openWithCallersClock(t, path)
		tx, err := holder.db.Begin()
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err = storage.Decide(ctx, 0, checks)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, tx.Rollback())
		_, err = storage.Decide(t.Context(), 0, checks)
		assert.NoError(t, err)
	})
	t.Run("a missing table", func(t *testing.T) {
		storage := openWithCallersClock(t, path)
		_, err := storage.db.Exec(`DROP TABLE grants`)
		require.NoError(t, err)
		_, err = storage.Decide(t.Context(), 0, checks)
		assert.Equal(t, errUnavailable, err)
	})
	t.Run("a missing folder", func(t *testing.T) {
		_, err := Open(filepath.Join(path, "nowhere"))
		require.ErrorIs(t, err, errUnavailable)
		assert.NotContains(t, err.Error(), path)
	})
}
