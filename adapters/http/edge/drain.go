package edge

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long a connection between two requests may still bring one after the listener closed. http.Server.Shutdown alone closes it at once,
// also when the client's next request is on its way or half read, and that request would be lost.
const linger = 500 * time.Millisecond

// drain knows the connections of a server, and which of them have a request under way.
type drain struct {
	// closing says that every answer closes its connection.
	closing atomic.Bool
	// changed wakes up whoever waits. It holds one wake-up, and a further one has nothing to add.
	changed chan struct{}

	mu   sync.Mutex
	open map[*connection]struct{}
}

func newDrain() *drain {
	return &drain{changed: make(chan struct{}, 1), open: map[*connection]struct{}{}}
}

// follow is http.Server's ConnState.
func (d *drain) follow(conn net.Conn, state http.ConnState) {
	c := conn.(*connection)
	switch state {
	case http.StateNew:
		d.mu.Lock()
		d.open[c] = struct{}{}
		d.mu.Unlock()
	case http.StateActive:
		c.begun.Store(true)
	case http.StateIdle:
		c.begun.Store(false)
		d.wake()
	case http.StateClosed, http.StateHijacked:
		d.mu.Lock()
		delete(d.open, c)
		d.mu.Unlock()
		d.wake()
	}
}

func (d *drain) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// wait waits until no connection is open, but no longer than linger; and then until no request is under way, or ctx ends. It tells
// how many are under way still.
func (d *drain) wait(ctx context.Context) (underWay int) {
	lingering, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	d.until(lingering, func(open, _ int) bool { return open == 0 })
	d.until(ctx, func(_, begun int) bool { return begun == 0 })
	_, underWay = d.count()
	return underWay
}

// closeWaiting closes the connections on which no request has begun. http.Server.Shutdown would wait for those that never brought one.
func (d *drain) closeWaiting() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		if !c.begun.Load() {
			_ = c.Close()
		}
	}
}

func (d *drain) until(ctx context.Context, over func(open, begun int) bool) {
	for !over(d.count()) {
		select {
		case <-d.changed:
		case <-ctx.Done():
			return
		}
	}
}

// count is how many connections are open, and on how many of them a request has begun.
func (d *drain) count() (open, begun int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		if c.begun.Load() {
			begun++
		}
	}
	return len(d.open), begun
}
