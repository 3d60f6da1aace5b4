package server

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
	open map[net.Conn]*progress
}

func newDrain() *drain {
	return &drain{changed: make(chan struct{}, 1), open: map[net.Conn]*progress{}}
}

// enter takes note of a connection, as often as it is told.
func (d *drain) enter(conn net.Conn) *progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.open[conn]
	if known == nil {
		known = &progress{}
		if own, ok := conn.(interface{ of() *progress }); ok {
			known = own.of()
		}
		d.open[conn] = known
	}
	return known
}

// leave forgets a connection.
func (d *drain) leave(conn net.Conn) {
	d.mu.Lock()
	delete(d.open, conn)
	d.mu.Unlock()
	d.wake()
}

// follow is http.Server's ConnState. Of HTTP/2 it hears once the client has said hello, then whether any stream is open.
func (d *drain) follow(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.enter(conn)
	case http.StateActive:
		p := d.enter(conn)
		p.begun.Store(true)
		p.http2.Store(speaksHTTP2(conn))
	case http.StateIdle:
		// A client that sends the beginning of a request right behind another has it in net/http's buffer by now, where nobody can tell it from none. Such a
		// request has the linger alone to be completed in.
		d.enter(conn).begun.Store(false)
		d.wake()
	case http.StateClosed, http.StateHijacked:
		d.leave(conn)
	}
}

// speaksHTTP2 tells whether a connection that has brought something speaks HTTP/2.
func speaksHTTP2(conn net.Conn) bool {
	switch c := conn.(type) {
	case *connection:
		return c.hello == len(preface)
	case *secured:
		return false
	}
	return true // *tls.Conn
}

func (d *drain) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// wait waits until no connection is open, but no longer than linger; and then until no request is under way, or ctx ends. It tells
// on how many connections requests are under way still.
func (d *drain) wait(ctx context.Context) (underWay int) {
	lingering, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	d.until(lingering, func(open, _ int) bool { return open == 0 })
	d.until(ctx, func(_, begun int) bool { return begun == 0 })
	_, underWay = d.count()
	return underWay
}

// closeWaiting closes the connections on which no request has begun. http.Server.Shutdown would wait for those that never brought one. HTTP/2 is left to
// net/http, which closes within a second of the last stream: by then the end of its answer has left, and that nothing more is taken has been read.
func (d *drain) closeWaiting() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, p := range d.open {
		if !p.begun.Load() && !p.http2.Load() {
			// Not here: over TLS a close writes to the client first, and may have to wait for him.
			go func() { _ = conn.Close() }()
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
	for _, p := range d.open {
		if p.begun.Load() {
			begun++
		}
	}
	return len(d.open), begun
}
