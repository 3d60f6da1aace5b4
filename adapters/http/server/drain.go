package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long an idle connection may still start a request after the listener was closed.
// http.Server.Shutdown alone closes idle connections at once, even if the client's next request is
// on its way or half read, and that request would be lost.
const linger = 500 * time.Millisecond

// drain tracks the connections of a server, and which of them have a request in progress, so that
// Shutdown can wait for these. It is safe for concurrent use.
type drain struct {
	// closing is true once every response must close its connection.
	closing atomic.Bool
	// changed wakes the waiting goroutine. It holds one wake-up; more would add nothing.
	changed chan struct{}

	mu   sync.Mutex
	open map[net.Conn]*progress
}

func newDrain() *drain {
	return &drain{changed: make(chan struct{}, 1), open: map[net.Conn]*progress{}}
}

// enter registers a connection. It may be called several times for one connection.
func (d *drain) enter(conn net.Conn) *progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.open[conn]
	if known == nil {
		known = ownProgress(conn)
		if known == nil {
			known = &progress{}
		}
		d.open[conn] = known
	}
	return known
}

// progressOf returns the progress of a registered connection. It takes the lock only if the
// connection has no progress of its own, because it is called twice for each request.
func (d *drain) progressOf(conn net.Conn) *progress {
	if own := ownProgress(conn); own != nil {
		return own
	}
	return d.enter(conn)
}

// ownProgress returns the progress that is embedded in a connection, or nil if it has none.
func ownProgress(conn net.Conn) *progress {
	switch c := conn.(type) {
	case *connection:
		return &c.progress
	case *secured:
		return &c.progress
	}
	return nil
}

// leave unregisters a connection.
func (d *drain) leave(conn net.Conn) {
	d.mu.Lock()
	delete(d.open, conn)
	d.mu.Unlock()
	d.wake()
}

// follow is the ConnState hook of http.Server. For HTTP/2 it is called when the client has sent its
// preface, and from then on when the connection gets its first open stream or loses its last.
func (d *drain) follow(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.enter(conn)
	case http.StateActive:
		p := d.progressOf(conn)
		p.begun.Store(true)
		p.http2.Store(usesHTTP2(conn))
	case http.StateIdle:
		// If the client pipelined its next request or the beginning of it, that is in net/http's
		// buffer, and begun is true again as soon as net/http reads or ends its headers.
		p := d.progressOf(conn)
		p.waited.Store(false)
		p.begun.Store(false)
		d.wake()
	case http.StateClosed, http.StateHijacked:
		d.leave(conn)
	}
}

// usesHTTP2 reports whether a connection on which something was received uses HTTP/2.
func usesHTTP2(conn net.Conn) bool {
	switch c := conn.(type) {
	case *connection:
		return c.prefaceRead == len(preface)
	case *secured:
		return false
	}
	return true // *tls.Conn
}

// wake makes the goroutine in waitUntil count again.
func (d *drain) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// wait waits until no connection is open, but no longer than linger, and then until no request is
// in progress or ctx ends. It returns the number of connections with a request still in progress.
func (d *drain) wait(ctx context.Context) (underWay int) {
	lingering, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	d.waitUntil(lingering, func(open, _ int) bool { return open == 0 })
	d.waitUntil(ctx, func(_, begun int) bool { return begun == 0 })
	_, underWay = d.count()
	return underWay
}

// closeWaiting closes the connections on which no request has begun. http.Server.Shutdown would
// wait for those that never sent one. HTTP/2 connections are left to net/http, which closes them
// within a second of their last stream: by then the client has received the end of the last
// response, and the GOAWAY frame.
func (d *drain) closeWaiting() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, p := range d.open {
		if !p.begun.Load() && !p.http2.Load() {
			// In a goroutine, because closing a TLS connection writes to the client first and may
			// block on it.
			go func() { _ = conn.Close() }()
		}
	}
}

// waitUntil waits until over returns true for the present counts, or ctx ends.
func (d *drain) waitUntil(ctx context.Context, over func(open, begun int) bool) {
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
