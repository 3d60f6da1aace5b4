package server

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// protocolUnencrypted is the name by which net/http knows HTTP/2 without TLS. It passes such a
// connection, after the client's preface, inside a *tls.Conn, because TLSNextProto takes nothing
// else. It documents neither, so the tests that run on both transports check it.
const protocolUnencrypted = "unencrypted_http2"

// unencrypted returns the connection that net/http passed in this way.
func unencrypted(conn *tls.Conn) net.Conn {
	if passed, ok := conn.NetConn().(interface{ UnencryptedNetConn() net.Conn }); ok {
		return passed.UnencryptedNetConn()
	}
	return conn
}

// passed carries a connection to net/http inside a *tls.Conn, of which no other method is called.
type passed struct {
	net.Conn // nil
	conn     net.Conn
}

// UnencryptedNetConn returns the connection. net/http looks for this method.
func (p passed) UnencryptedNetConn() net.Conn { return p.conn }

// readPreface reads the client's preface from a new connection and reports whether it came in time.
func readPreface(conn net.Conn, timeout time.Duration) bool {
	// An error of a deadline is ignored: reading fails as well.
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	read := make([]byte, len(preface))
	_, err := io.ReadFull(conn, read)
	_ = conn.SetReadDeadline(time.Time{})
	return err == nil && string(read) == string(preface)
}

// serve serves HTTP/2 on a connection whose preface has been read, at a bounded pace. It passes a
// TLS connection to net/http like one without TLS: as its own *tls.Conn it could not be paced.
func (h *http2Servers) serve(conn net.Conn, handler http.Handler) {
	sl := slotOf(conn)
	if sl == nil {
		return
	}
	streams := sl.speakHTTP2()
	settings := h.byStreams[streams]
	if settings == nil {
		refuseHTTP2(conn)
		return
	}
	paced := newPaced(conn, h.turns, streams)
	wrapped := net.Conn(paced)
	if secure, ok := conn.(*tls.Conn); ok {
		wrapped = &pacedTLS{paced: paced, secure: secure}
	}
	h.pass(settings, tls.Server(passed{conn: wrapped}, nil), &onPaced{handler, paced})
}

// pacedTLS is a paced connection over TLS.
type pacedTLS struct {
	*paced
	secure *tls.Conn
}

// ConnectionState returns the TLS state. net/http looks for this method.
func (p *pacedTLS) ConnectionState() tls.ConnectionState { return p.secure.ConnectionState() }

// received returns the connection that net/http received from the listener.
func received(conn net.Conn) net.Conn {
	if p, ok := conn.(interface{ received() net.Conn }); ok {
		return p.received()
	}
	return conn
}

// onPaced wraps the handler of a paced connection, to record which of its requests are answered.
type onPaced struct {
	http.Handler
	conn *paced
}

// ServeHTTP implements http.Handler. It panics if the request is reset.
func (o *onPaced) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	growStack()
	answered := false
	o.conn.begin()
	defer func() { o.conn.end(answered) }()
	o.Handler.ServeHTTP(w, r)
	answered = r.Context().Err() == nil
}

// BaseContext returns the context of the connection. net/http looks for this method.
func (o *onPaced) BaseContext() context.Context {
	ctx := context.Background()
	if of, ok := o.Handler.(interface{ BaseContext() context.Context }); ok {
		ctx = of.BaseContext()
	}
	return withWindow(ctx, o.conn.window)
}
