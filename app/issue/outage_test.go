package issue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/ports/portsmock"
)

// broken returns a storage that always fails with cause.
func broken(cause error) *portsmock.LimiterStorageMock {
	return &portsmock.LimiterStorageMock{
		DecideFunc: func(context.Context, throttle.Instant, throttle.Checks) (throttle.Decision,
			error) {
			return throttle.Decision{}, cause
		},
	}
}

func TestFailingStorage(t *testing.T) {
	cause := errors.New("storage unavailable")
	t.Run("makes the service unavailable", func(t *testing.T) {
		f := newFixture(t, withLimiter(broken(cause)))
		_, err := f.issue(t, "install-1")
		unavailable, ok := errors.AsType[*ports.Unavailable](err)
		require.True(t, ok)
		assert.Equal(t, time.Second, unavailable.RetryAfter)
		assert.ErrorIs(t, err, cause, "the operator sees the cause")
		assert.Empty(t, f.events)
	})
	t.Run("refuses nothing under observe", func(t *testing.T) {
		f := newFixture(t, observe, withLimiter(broken(cause)))
		issued, err := f.issue(t, "install-1")
		require.NoError(t, err)
		assert.False(t, issued.Decision.Decided())
	})
}

// TestOutagePolicyInEachMode covers every policy in every mode, with an installation that makes one
// more request than the local limit allows.
func TestOutagePolicyInEachMode(t *testing.T) {
	cause := errors.New("storage unavailable")
	for _, c := range []struct {
		policy      ports.OutagePolicy
		mode        ports.ThrottleMode
		unavailable bool // no session is issued
		decided     bool // the response carries a decision
		overLimit   bool // the request over the limit is detected
	}{
		{ports.OutageLocal, ports.Enforce, false, true, true},
		{ports.OutageLocal, ports.Observe, false, true, true},
		{ports.OutageDeny, ports.Enforce, true, false, false},
		{ports.OutageDeny, ports.Observe, false, false, false},
		{ports.OutageAllow, ports.Enforce, false, false, false},
		{ports.OutageAllow, ports.Observe, false, false, false},
	} {
		t.Run(c.policy.String()+" under "+c.mode.String(), func(t *testing.T) {
			local, err := memory.New(1000, portsfake.SameLimit(100))
			require.NoError(t, err)
			f := newFixture(t, withLimiter(outage.New(outage.Parts{
				Shared: broken(cause), Local: local, Policy: c.policy, Timeout: time.Hour,
				Clock: clock.New(), Entropy: entropy.Source{},
				Events: &portsfake.Events{},
			})), func(_ *fixture, parts *issue.Parts) { parts.Limits.Mode = c.mode })
			for range limits.PerInstall {
				issued, err := f.issue(t, "install-1")
				if c.unavailable {
					require.ErrorIs(t, err, cause, "the operator sees the cause")
					assert.Equal(t, failure.Unavailable, failure.KindOf(err))
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, c.decided, issued.Decision.Decided())
			}
			issued, err := f.issue(t, "install-1")
			switch {
			case c.unavailable:
				assert.Equal(t, failure.Unavailable, failure.KindOf(err))
			case c.overLimit && c.mode == ports.Enforce:
				assert.Equal(t, failure.RateLimited, failure.KindOf(err))
			default:
				require.NoError(t, err)
				assert.False(t, issued.Decision.Decided())
			}
			throttled := 0
			for _, event := range f.events {
				if e, ok := event.(ports.IssuanceThrottled); ok {
					throttled++
					assert.Equal(t, c.mode, e.Mode)
				}
			}
			assert.Equal(t, c.overLimit, throttled == 1)
		})
	}
}
