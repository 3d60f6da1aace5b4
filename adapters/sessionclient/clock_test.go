package sessionclient_test

import (
	"context"
	"sync"
	"time"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// fakeClock is a monotonic clock that the test moves, and whose sleepers wake when it is moved far
// enough. It is safe for concurrent use.
type fakeClock struct {
	// wall returns the right time. The device's differs from it by off.
	wall func() time.Time

	mu       sync.Mutex
	time     time.Duration
	off      time.Duration
	sleepers map[chan struct{}]time.Duration
}

func newFakeClock(wall func() time.Time) *fakeClock {
	return &fakeClock{wall: wall, time: time.Hour, sleepers: map[chan struct{}]time.Duration{}}
}

// of has a client use the clock.
func (f *fakeClock) of(c *sessionclient.Client) {
	sessionclient.SetClock(c, sessionclient.Clock{Now: f.now, Wall: f.device, Sleep: f.sleep,
		Jitter: 0.5})
}

func (f *fakeClock) now() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.time
}

// device returns the time of the device.
func (f *fakeClock) device() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wall().Add(f.off)
}

// move moves the time of the device, and nothing else.
func (f *fakeClock) move(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off += d
}

func (f *fakeClock) sleep(ctx context.Context, until time.Duration) error {
	f.mu.Lock()
	if f.time >= until {
		f.mu.Unlock()
		return nil
	}
	woken := make(chan struct{})
	f.sleepers[woken] = until
	f.mu.Unlock()
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.sleepers, woken)
		return ctx.Err()
	}
}

func (f *fakeClock) sleeping() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sleepers)
}

func (f *fakeClock) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.time += d
	for woken, until := range f.sleepers {
		if f.time >= until {
			delete(f.sleepers, woken)
			close(woken)
		}
	}
}
