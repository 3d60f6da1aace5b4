package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Handshake is what a connection must do before HTTP. The zero value requires nothing.
type Handshake struct {
	// Certificate returns the certificate in force; nil if TLS is not used.
	Certificate func() *tls.Certificate
	// RequiresProxyHeader reports whether a peer is a proxy that must announce its client with a
	// PROXY header, before TLS. Other peers must not: a header of theirs is read as the beginning
	// of what comes next. Nil if no peer must.
	RequiresProxyHeader func(peer netip.Addr) bool
}

// free reports whether nothing is required.
func (e Handshake) free() bool { return e.Certificate == nil && e.RequiresProxyHeader == nil }

// handshaker is a listener whose connections have completed the handshake. Each handshake has a
// goroutine and one deadline for all of it, so that a slow client delays no other. The drain tracks
// those in progress.
type handshaker struct {
	net.Listener
	entry  Handshake
	tls    *tls.Config
	within time.Duration
	drain  *drain
	told   *complaints

	ready    chan accepted
	failed   chan error
	closed   chan struct{}
	close    func() error
	accepted chan struct{} // closed once no more connections are accepted
	empty    chan struct{} // closed once the last handshake has ended as well
}

// accepted is a connection that completed the handshake: as it was opened, and as HTTP uses it.
type accepted struct{ raw, conn net.Conn }

// newHandshaker serves the connections of inner after their handshake, which must complete within
// that time.
func newHandshaker(inner net.Listener, entry Handshake, within time.Duration, drain *drain,
	told *complaints) *handshaker {
	l := &handshaker{
		Listener: inner, entry: entry, within: within, drain: drain, told: told,
		ready: make(chan accepted), failed: make(chan error), closed: make(chan struct{}),
		accepted: make(chan struct{}), empty: make(chan struct{}),
	}
	if entry.Certificate != nil {
		l.tls = tlsConfig(entry.Certificate)
	}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		err := inner.Close()
		<-l.accepted // from here on, the drain tracks all of them
		return err
	})
	go l.run()
	return l
}

func (l *handshaker) run() {
	defer close(l.empty)
	var inside sync.WaitGroup
	defer inside.Wait()
	defer close(l.accepted)
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if l.isClosed() { // handshakes in progress may still complete
				return
			}
			select {
			// http.Server knows which errors are temporary, and waits before it accepts again
			case l.failed <- err:
				continue
			case <-l.closed:
				return
			}
		}
		l.drain.enter(raw)
		inside.Go(func() { l.receive(raw) })
	}
}

func (l *handshaker) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// receive performs the handshake of a connection, or closes it.
func (l *handshaker) receive(raw net.Conn) {
	conn, err := l.greet(raw)
	if err != nil {
		l.told.unwelcome(err)
		_ = raw.Close()
		l.drain.leave(raw)
		return
	}
	l.ready <- accepted{raw, conn}
}

// greet reads what is required.
func (l *handshaker) greet(raw net.Conn) (net.Conn, error) {
	if err := raw.SetDeadline(time.Now().Add(l.within)); err != nil {
		return nil, err
	}
	conn := raw
	if announces := l.entry.RequiresProxyHeader; announces != nil && announces(peerOf(raw)) {
		var err error
		if conn, err = readAnnouncement(raw); err != nil {
			return nil, err
		}
	}
	conn, err := l.secure(conn)
	if err != nil {
		return nil, err
	}
	return conn, raw.SetDeadline(time.Time{})
}

// secure performs the TLS handshake, if TLS is used.
func (l *handshaker) secure(conn net.Conn) (net.Conn, error) {
	if l.tls == nil {
		return &connection{Conn: conn}, nil
	}
	over := tls.Server(conn, l.tls)
	// the connection has its own deadline
	if err := over.HandshakeContext(context.Background()); err != nil {
		answerInTheClear(err)
		return nil, &handshakeError{err}
	}
	state := over.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		return over, nil
	}
	return &secured{connection: connection{Conn: over}, state: state}, nil
}

// Accept implements net.Listener.
func (l *handshaker) Accept() (net.Conn, error) {
	select {
	case g := <-l.ready:
		l.drain.enter(g.conn)
		l.drain.leave(g.raw)
		return g.conn, nil
	case err := <-l.failed:
		return nil, err
	case <-l.empty:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Handshakes in progress may still complete.
func (l *handshaker) Close() error { return l.close() }

// tlsConfig returns a configuration for TLS 1.2 and later with the library's ciphers, and a
// certificate that may change.
func tlsConfig(certificate func() *tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(), nil
		},
	}
}

// handshakeError is a failed TLS handshake. Its text may contain what a client sent.
type handshakeError struct{ cause error }

// Error implements error.
func (e *handshakeError) Error() string { return "TLS handshake: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *handshakeError) Unwrap() error { return e.cause }

// answerInTheClear tells a client that speaks plain HTTP what is wrong, as net/http does.
func answerInTheClear(err error) {
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
