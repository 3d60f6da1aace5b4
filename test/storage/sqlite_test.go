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

// underSuite takes the caller's instants.
func underSuite(t testing.TB, path string) *Storage {
	t.Helper()
	storage, err := open(path, func(asked throttle.Instant) throttle.Instant { return asked })
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, storage.Close()) })
	return storage
}

func TestConformance(t *testing.T) {
	folder := t.TempDir()
	var count atomic.Int64
	portstest.TestLimiter(t, func(t testing.TB) ports.LimiterStorage {
		return underSuite(t, filepath.Join(folder, fmt.Sprint(count.Add(1))))
	})
}

var asks = throttle.NewChecks(throttle.Check{Subject: throttle.Subject{1}, Limit: 4,
	Window: time.Minute})

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
				decision, err := storage.Decide(context.Background(), 0, asks)
				if assert.NoError(t, err) && !decision.Refused() {
					granted.Add(1)
				}
			})
		}
	}
	group.Wait()
	assert.EqualValues(t, 4, granted.Load())
}

func TestFailuresAreErrorsAndHoldNoPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grants")
	t.Run("a locked file, by the deadline", func(t *testing.T) {
		holder, storage := underSuite(t, path), underSuite(t, path)
		tx, err := holder.db.Begin()
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err = storage.Decide(ctx, 0, asks)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, tx.Rollback())
		_, err = storage.Decide(t.Context(), 0, asks)
		assert.NoError(t, err)
	})
	t.Run("a lost table", func(t *testing.T) {
		storage := underSuite(t, path)
		_, err := storage.db.Exec(`DROP TABLE grants`)
		require.NoError(t, err)
		_, err = storage.Decide(t.Context(), 0, asks)
		assert.Equal(t, errUnavailable, err)
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		_, err := Open(filepath.Join(path, "nowhere"))
		require.ErrorIs(t, err, errUnavailable)
		assert.NotContains(t, err.Error(), path)
	})
}
