package server

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// timers records the deadlines that are set of it.
type timers struct{ set []time.Time }

func (s *timers) setDeadline(t time.Time) error {
	s.set = append(s.set, t)
	return nil
}

// TestSocketGetsEarliestDeadlineThatMatters checks that deadlines which no operation waits for cost
// nothing, and that one that is in force early enough stays.
func TestSocketGetsEarliestDeadlineThatMatters(t *testing.T) {
	now := time.Now()
	var s timers
	var d deadline
	done := func() error { return nil }

	require.NoError(t, d.await(s.setDeadline, done))
	assert.Empty(t, s.set, "without a deadline")
	for _, after := range []time.Duration{3, 1, 2} {
		require.NoError(t, d.change(now.Add(after*time.Hour), s.setDeadline))
	}
	assert.Empty(t, s.set, "no operation waits")
	require.NoError(t, d.await(s.setDeadline, done))
	require.NoError(t, d.change(now.Add(4*time.Hour), s.setDeadline))
	require.NoError(t, d.await(s.setDeadline, done))
	require.NoError(t, d.change(time.Time{}, s.setDeadline))
	require.NoError(t, d.await(s.setDeadline, done))
	assert.Equal(t, []time.Time{now.Add(2 * time.Hour)}, s.set, "later ones change nothing")
	require.NoError(t, d.change(now.Add(time.Hour), s.setDeadline))
	require.NoError(t, d.await(s.setDeadline, done))
	assert.Equal(t, []time.Time{now.Add(2 * time.Hour), now.Add(time.Hour)}, s.set)
}

// TestDeadlinesAreExact checks that an operation goes on when a deadline passes that was in force
// too early, and ends when its own does.
func TestDeadlinesAreExact(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		wanted time.Time
		set    []time.Time
		err    error
	}{
		"later":  {now.Add(time.Hour), []time.Time{now.Add(-time.Minute), now.Add(time.Hour)}, nil},
		"none":   {time.Time{}, []time.Time{now.Add(-time.Minute), {}}, nil},
		"passed": {now.Add(-time.Second), []time.Time{now.Add(-time.Minute)}, os.ErrDeadlineExceeded},
		"same":   {now.Add(-time.Minute), []time.Time{now.Add(-time.Minute)}, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			var s timers
			var d deadline
			require.NoError(t, d.change(now.Add(-time.Minute), s.setDeadline))
			require.NoError(t, d.await(s.setDeadline, func() error { return nil }))
			require.NoError(t, d.change(c.wanted, s.setDeadline))
			assert.ErrorIs(t, d.await(s.setDeadline, func() error {
				if last := s.set[len(s.set)-1]; !last.IsZero() && last.Before(time.Now()) {
					return os.ErrDeadlineExceeded
				}
				return nil
			}), c.err)
			assert.Equal(t, c.set, s.set)
		})
	}
}

// TestDeadlineEndsOperationInProgress checks that an earlier deadline applies to an operation that
// waits, and that one in the past ends the next operation without the socket.
func TestDeadlineEndsOperationInProgress(t *testing.T) {
	var s timers
	var d deadline
	assert.ErrorIs(t, d.await(s.setDeadline, func() error {
		require.NoError(t, d.change(past, s.setDeadline))
		assert.Equal(t, []time.Time{past}, s.set)
		return os.ErrDeadlineExceeded
	}), os.ErrDeadlineExceeded)

	assert.ErrorIs(t, d.await(s.setDeadline, func() error {
		t.Error("operates beyond the deadline")
		return nil
	}), os.ErrDeadlineExceeded)
	require.NoError(t, d.change(time.Time{}, s.setDeadline))
	require.NoError(t, d.await(s.setDeadline, func() error {
		if len(s.set) == 1 {
			return os.ErrDeadlineExceeded // what is still in force
		}
		return nil
	}))
	assert.Equal(t, []time.Time{past, {}}, s.set)
}
