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

// Entry is what a connection must bring before HTTP is spoken on it. The zero value asks for nothing.
type Handshake struct {
	// Certificate is the certificate in force, whenever it is asked; nil: TLS is not spoken.
	Certificate func() *tls.Certificate
	// Announces tells of a peer whether it is a proxy that announces its client by the PROXY protocol: then it must, and before TLS. Nobody else may, whose
	// announcement is taken for the beginning of what comes next. Nil: nobody announces.
	RequiresProxyHeader func(peer netip.Addr) bool
}

// free tells whether nothing is asked for.
func (e Handshake) free() bool { return e.Certificate == nil && e.RequiresProxyHeader == nil }

// lobby is a listener whose connections have brought what is asked for. That is read in a goroutine for each, within a deadline for all of it: a slow
// client keeps nobody waiting but himself. The drain knows of those who are still at it.
type lobby struct {
	net.Listener
	entry  Handshake
	tls    *tls.Config
	within time.Duration
	drain  *drain
	told   *complaints

	ready    chan guest
	failed   chan error
	closed   chan struct{}
	close    func() error
	accepted chan struct{} // closed once no more are let in
	empty    chan struct{} // closed once the last of them is through as well
}

// guest is a connection that is through: as it came, and as HTTP is spoken on it.
type guest struct{ raw, conn net.Conn }

// openLobby serves the connections of inner, which must bring what entry asks for within that time.
func openLobby(inner net.Listener, entry Handshake, within time.Duration, drain *drain,
	told *complaints) *lobby {
	l := &lobby{
		Listener: inner, entry: entry, within: within, drain: drain, told: told,
		ready: make(chan guest), failed: make(chan error), closed: make(chan struct{}),
		accepted: make(chan struct{}), empty: make(chan struct{}),
	}
	if entry.Certificate != nil {
		l.tls = tlsConfig(entry.Certificate)
	}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		err := inner.Close()
		<-l.accepted // from here on the drain knows all of them
		return err
	})
	go l.run()
	return l
}

func (l *lobby) run() {
	defer close(l.empty)
	var inside sync.WaitGroup
	defer inside.Wait()
	defer close(l.accepted)
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if l.isClosed() { // those inside still have to get through
				return
			}
			select {
			case l.failed <- err: // http.Server knows which errors pass, and waits a while before it asks again
				continue
			case <-l.closed:
				return
			}
		}
		l.drain.enter(raw)
		inside.Go(func() { l.receive(raw) })
	}
}

func (l *lobby) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// receive takes a connection through, or closes it.
func (l *lobby) receive(raw net.Conn) {
	conn, err := l.greet(raw)
	if err != nil {
		l.told.unwelcome(err)
		_ = raw.Close()
		l.drain.leave(raw)
		return
	}
	l.ready <- guest{raw, conn}
}

// greet reads what is asked for.
func (l *lobby) greet(raw net.Conn) (net.Conn, error) {
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

// secure makes the handshake, where TLS is spoken.
func (l *lobby) secure(conn net.Conn) (net.Conn, error) {
	if l.tls == nil {
		return &connection{Conn: conn}, nil
	}
	over := tls.Server(conn, l.tls)
	if err := over.HandshakeContext(context.Background()); err != nil { // the connection's deadline is its own
		answerInTheClear(err)
		return nil, &handshakeError{err}
	}
	state := over.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		return over, nil
	}
	return &secured{connection: connection{Conn: over}, state: state}, nil
}

// Accept is net.Listener's.
func (l *lobby) Accept() (net.Conn, error) {
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

// Close is net.Listener's. Those inside may still come through.
func (l *lobby) Close() error { return l.close() }

// tlsConfig is TLS 1.2 and later with the library's choice of ciphers, and a certificate that may change.
func tlsConfig(certificate func() *tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(), nil
		},
	}
}

// handshakeError is a handshake that failed. What it says may hold what a client sent.
type handshakeError struct{ cause error }

// Error is error's.
func (e *handshakeError) Error() string { return "TLS handshake: " + e.cause.Error() }

// Unwrap is the cause.
func (e *handshakeError) Unwrap() error { return e.cause }

// answerInTheClear tells a client that speaks HTTP in the clear what is wrong, as net/http does.
func answerInTheClear(err error) {
	record, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok || record.Conn == nil || record.RecordHeader[0] < 'A' || record.RecordHeader[0] > 'Z' {
		return
	}
	// Whether he gets it is his affair.
	_, _ = record.Conn.Write(
		[]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
			"Client sent an HTTP request to an HTTPS server.\n"))
	_ = closeWrite(record.Conn)
}
