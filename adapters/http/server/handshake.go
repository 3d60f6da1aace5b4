package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Handshake says what a connection must complete before HTTP is spoken on it: a PROXY header, TLS,
// both, or with the zero value nothing.
type Handshake struct {
	// Certificate returns the certificate in force and is called for each TLS handshake. If it is
	// nil, the listener does not speak TLS.
	Certificate func() *tls.Certificate
	// RequiresProxyHeader reports whether a peer is a proxy that announces its client with a PROXY
	// header (PROXY protocol). Such a peer must send the header, before TLS. From other peers a
	// PROXY header is not accepted: it is read as the beginning of TLS or HTTP. If it is nil, no
	// peer sends one.
	RequiresProxyHeader func(peer netip.Addr) bool
}

// isZero reports whether nothing is required.
func (h Handshake) isZero() bool { return h.Certificate == nil && h.RequiresProxyHeader == nil }

// handshaker is a listener whose connections have completed the handshake. Each handshake runs in a
// goroutine of its own, with one deadline for all of it, so that a slow client delays no other. The
// drain tracks the connections that are still in their handshake.
type handshaker struct {
	net.Listener
	handshake Handshake
	tls       *tls.Config
	timeout   time.Duration
	drain     *drain
	parking   *parking
	errorLog  *errorLog

	ready    chan admitted
	failed   chan error
	closed   chan struct{}
	close    func() error
	accepted chan struct{} // closed once no more connections are accepted
	empty    chan struct{} // closed once the last handshake has ended as well
}

// admitted is a connection that has completed its handshake: raw as accepted, conn as HTTP is
// spoken on it.
type admitted struct{ raw, conn net.Conn }

// newHandshaker starts to serve the connections of inner, which must complete the handshake within
// the given time.
func newHandshaker(inner net.Listener, handshake Handshake, timeout time.Duration, drain *drain,
	parking *parking, errorLog *errorLog) *handshaker {
	h := &handshaker{
		Listener: inner, handshake: handshake, timeout: timeout, drain: drain, parking: parking,
		errorLog: errorLog,
		ready:    make(chan admitted), failed: make(chan error), closed: make(chan struct{}),
		accepted: make(chan struct{}), empty: make(chan struct{}),
	}
	if handshake.Certificate != nil {
		h.tls = tlsConfig(handshake.Certificate)
	}
	h.close = sync.OnceValue(func() error {
		close(h.closed)
		err := inner.Close()
		<-h.accepted // from here on the drain tracks every accepted connection
		return err
	})
	go h.run()
	return h
}

// run accepts connections and starts their handshakes until the listener is closed, and then waits
// for the handshakes in progress.
func (h *handshaker) run() {
	defer close(h.empty)
	var handshakes sync.WaitGroup
	defer handshakes.Wait()
	defer close(h.accepted)
	for {
		raw, err := h.Listener.Accept()
		if err != nil {
			if h.isClosed() { // handshakes in progress may still complete
				return
			}
			select {
			// http.Server decides which errors are temporary, and waits before it calls Accept
			// again
			case h.failed <- err:
				continue
			case <-h.closed:
				return
			}
		}
		h.drain.enter(raw)
		handshakes.Go(func() { h.handle(raw) })
	}
}

func (h *handshaker) isClosed() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}

// handle performs the handshake, and closes the connection if it fails.
func (h *handshaker) handle(raw net.Conn) {
	conn, err := h.perform(raw)
	if err != nil {
		h.errorLog.handshakeFailed(err)
		_ = raw.Close()
		h.drain.leave(raw)
		return
	}
	h.ready <- admitted{raw, conn}
}

// perform reads the PROXY header and performs the TLS handshake, as far as they are required.
func (h *handshaker) perform(raw net.Conn) (net.Conn, error) {
	if err := raw.SetDeadline(time.Now().Add(h.timeout)); err != nil {
		return nil, err
	}
	conn := raw
	if requires := h.handshake.RequiresProxyHeader; requires != nil && requires(peerOf(raw)) {
		var err error
		if conn, err = readProxyHeader(raw); err != nil {
			return nil, err
		}
		if sl := slotOf(raw); sl != nil && !sl.announce(conn) {
			return nil, errRefused
		}
	}
	conn, err := h.secure(conn)
	if err != nil {
		return nil, err
	}
	return conn, raw.SetDeadline(time.Time{})
}

// secure performs the TLS handshake if the listener speaks TLS.
func (h *handshaker) secure(conn net.Conn) (net.Conn, error) {
	if h.tls == nil {
		return newConnection(conn, h.parking), nil
	}
	tlsConn := tls.Server(conn, h.tls)
	// the connection already has a deadline
	if err := tlsConn.HandshakeContext(context.Background()); err != nil {
		respondInPlaintext(err)
		return nil, &handshakeError{err}
	}
	state := tlsConn.ConnectionState()
	if state.NegotiatedProtocol == protocolHTTP2 {
		return tlsConn, nil
	}
	return &secured{newConnection(tlsConn, h.parking), &state}, nil
}

// Accept implements net.Listener.
func (h *handshaker) Accept() (net.Conn, error) {
	select {
	case a := <-h.ready:
		h.drain.enter(a.conn)
		h.drain.leave(a.raw)
		return a.conn, nil
	case err := <-h.failed:
		return nil, err
	case <-h.empty:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Handshakes in progress may still complete.
func (h *handshaker) Close() error { return h.close() }

// The protocols of TLS connections (RFC 7301).
const protocolHTTP2, protocolHTTP1 = "h2", "http/1.1"

// tlsConfig returns a configuration for TLS 1.2 and later, with the standard library's choice of
// ciphers and a certificate that may change. HTTP/2 is offered to a connection that may speak it.
func tlsConfig(certificate func() *tls.Certificate) *tls.Config {
	config := func(protocols ...string) *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: protocols,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return certificate(), nil
			},
		}
	}
	both, onlyHTTP1 := config(protocolHTTP2, protocolHTTP1), config(protocolHTTP1)
	both.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		sl := slotOf(hello.Conn)
		if slices.Contains(hello.SupportedProtos, protocolHTTP2) &&
			(sl == nil || sl.speakHTTP2() == 0) {
			return onlyHTTP1, nil
		}
		return both, nil
	}
	return both
}

// errRefused reports that a budget does not allow the client another connection.
var errRefused = errors.New("too many connections of one client")

// handshakeError is a failed TLS handshake. Its message may hold what a client sent.
type handshakeError struct{ cause error }

// Error implements error.
func (e *handshakeError) Error() string { return "TLS handshake: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *handshakeError) Unwrap() error { return e.cause }

// respondInPlaintext responds to a client that sent plain HTTP to the TLS listener, as net/http
// does.
func respondInPlaintext(err error) {
	record, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok || record.Conn == nil || record.RecordHeader[0] < 'A' || record.RecordHeader[0] > 'Z' {
		return
	}
	// The write error is ignored: the client may have gone away.
	_, _ = record.Conn.Write(
		[]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
			"Client sent an HTTP request to an HTTPS server.\n"))
	_ = closeWrite(record.Conn)
}

// refuseHTTP2 responds to a client that speaks HTTP/2 without TLS where it must speak HTTP/1.1. It
// then receives for a moment what the client is still sending, because closing a connection with
// unread input could discard the response.
func refuseHTTP2(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(unreadTimeout))
	_, _ = io.WriteString(conn, "HTTP/1.1 505 HTTP Version Not Supported\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+
		"505 HTTP Version Not Supported: use HTTP/1.1")
	_ = closeWrite(conn)
	_, _ = io.Copy(io.Discard, conn)
}
