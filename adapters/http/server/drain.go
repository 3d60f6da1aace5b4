package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long an idle connection may still bring a request after the listener closed.
// http.Server.Shutdown alone closes it at once, even if the client's next request is on its way or
// half read, and that request would be lost.
const linger = 500 * time.Millisecond

// drain tracks the connections of a server, and which of them have a request in progress.
type drain struct {
	// closing makes every response close its connection.
	closing atomic.Bool
	// changed wakes a waiting goroutine. It holds one wake-up; another would add nothing.
	changed chan struct{}

	mu   sync.Mutex
	open map[net.Conn]*progress
}

func newDrain() *drain {
	return &drain{changed: make(chan struct{}, 1), open: map[net.Conn]*progress{}}
}

// enter adds a connection. It may be called repeatedly.
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

// leave removes a connection.
func (d *drain) leave(conn net.Conn) {
	d.mu.Lock()
	delete(d.open, conn)
	d.mu.Unlock()
	d.wake()
}

// follow is the http.Server's ConnState. For HTTP/2 it is called once the client has sent its
// preface, then whenever the connection becomes active or idle.
func (d *drain) follow(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.enter(conn)
	case http.StateActive:
		p := d.enter(conn)
		p.begun.Store(true)
		p.http2.Store(speaksHTTP2(conn))
	case http.StateIdle:
		// If a client sends the beginning of a request right behind another one, it is already in
		// net/http's buffer, where it cannot be detected. Such a request can only be completed
		// within the linger.
		d.enter(conn).begun.Store(false)
		d.wake()
	case http.StateClosed, http.StateHijacked:
		d.leave(conn)
	}
}

// speaksHTTP2 reports whether a connection that has sent something speaks HTTP/2.
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

// wait waits until no connection is open, at most for linger, and then until no request is in
// progress or ctx ends. It returns the number of connections that still have a request in progress.
func (d *drain) wait(ctx context.Context) (underWay int) {
	lingering, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	d.until(lingering, func(open, _ int) bool { return open == 0 })
	d.until(ctx, func(_, begun int) bool { return begun == 0 })
	_, underWay = d.count()
	return underWay
}

// closeWaiting closes the connections on which no request has begun. http.Server.Shutdown would
// wait for those that never sent one. HTTP/2 is left to net/http, which closes a connection within
// a second of its last stream: by then the end of its response has been sent, and the client has
// been told that nothing more is accepted.
func (d *drain) closeWaiting() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, p := range d.open {
		if !p.begun.Load() && !p.http2.Load() {
			// In a goroutine: over TLS, closing first writes to the client and may have to wait for
			// it.
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

// count returns how many connections are open, and on how many of them a request has begun.
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
