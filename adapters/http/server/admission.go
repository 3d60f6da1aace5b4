package server

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// slotTimeout is how long a request waits for a slot before it is shed.
const slotTimeout = time.Second

// maxQueued is the maximum number of requests that wait for a slot. Further ones are shed at once:
// each waiting request takes memory, and one behind so many would hardly get its turn in time.
const maxQueued = 4096

// errNoSlot reports that no slot became free in time.
var errNoSlot = errors.New("too many requests are being computed")

// admission is a semaphore for requests that are being computed. Requests get slots in the order of
// their calls of acquire.
type admission struct {
	slots, queueable int

	mu    sync.Mutex
	taken int
	queue list.List // of chan struct{}, each closed when its request gets a slot
}

func newAdmission(slots, queueable int) *admission {
	return &admission{slots: slots, queueable: queueable}
}

// acquire takes a slot, which the caller must release. It fails with errNoSlot after slotTimeout,
// or at once if too many requests wait already, and with the context's error if ctx ends.
func (a *admission) acquire(ctx context.Context) error {
	a.mu.Lock()
	if a.taken < a.slots {
		a.taken++
		a.mu.Unlock()
		return nil
	}
	if a.queue.Len() >= a.queueable {
		a.mu.Unlock()
		return errNoSlot
	}
	turn := make(chan struct{})
	place := a.queue.PushBack(turn)
	a.mu.Unlock()
	timer := time.NewTimer(slotTimeout)
	defer timer.Stop()
	err := errNoSlot
	select {
	case <-turn:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-turn: // it became this request's turn meanwhile
		return nil
	default:
	}
	a.queue.Remove(place)
	return err
}

// release gives a slot back: to the request that has waited longest, if any waits.
func (a *admission) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.queue.Front()
	if first == nil {
		a.taken--
		return
	}
	turn, _ := a.queue.Remove(first).(chan struct{})
	close(turn)
}
