package server

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// maxHeader is the maximum size of a request's headers in bytes, unless Limits says otherwise. It
// has room for a token and a long chain of proxies.
const maxHeader = 16 << 10

// readAhead is how many bytes more than http.Server.MaxHeaderBytes net/http reads of the headers of
// an HTTP/1 request.
const readAhead = 4 << 10

// writeTimeout is how long writing a response may take beyond the time allowed for reading, and how
// long the server waits for an HTTP/2 client that receives nothing.
const writeTimeout = 10 * time.Second

// Limits are the limits of a listener's connections.
type Limits struct {
	// Read is how long reading a request's headers and body may take. Idle is how long a connection
	// may wait for the next request.
	Read, Idle time.Duration
	// Connections is how many may be open at once. Beyond it, the connection that has been idle
	// longest is closed, or the oldest of the client that has most.
	Connections int
	// PerAddress is how many of them one address may have; a network may have four times as many.
	// Further ones are closed at once. 0 means any number.
	PerAddress int
	// Exempt reports whether a peer is a trusted proxy, to which PerAddress does not apply. If it
	// is nil, none is.
	Exempt func(peer netip.Addr) bool
	// HeaderBytes is the maximum size of a request's line and headers; 0 means 16 KiB.
	HeaderBytes int
	// NoHTTP2 turns HTTP/2 off.
	NoHTTP2 bool
	// Budgets are those of the handler. An HTTP/1 request whose headers have begun and not ended is
	// one that waits for its client. If it is nil, such requests are not bounded.
	Budgets *Budgets
	// Observer is called for each connection; it may be nil.
	Observer ConnectionObserver
}

// headerBytes returns the maximum size of a request's headers.
func (l *Limits) headerBytes() int {
	if l.HeaderBytes == 0 {
		return maxHeader
	}
	return l.HeaderBytes
}

// Server is one listener with its handler. It speaks HTTP/1.1 and HTTP/2. HTTP/2 is spoken over
// TLS, and without TLS to clients with prior knowledge.
type Server struct {
	http     *http.Server
	http2    *http2Servers
	handler  http.Handler
	listener net.Listener
	slots    *slots
	parking  *parking
	drain    *drain
	done     chan error
}

// Listen opens address, which is host:port or a Unix socket (SocketPrefix), and serves handler on
// it in the background, on connections that complete the required handshake.
func Listen(ctx context.Context, address string, handler http.Handler, limits Limits,
	handshake Handshake, logger *slog.Logger) (*Server, error) {
	inner, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return serve(inner, handler, limits, handshake, logger), nil
}

// Serve is like Listen on a listener that another process opened and keeps open, such as the socket
// of a systemd unit: clients that connect after Shutdown wait for the next process.
func Serve(inherited net.Listener, handler http.Handler, limits Limits, handshake Handshake,
	logger *slog.Logger) *Server {
	if unix, ok := inherited.(*net.UnixListener); ok {
		inherited = inheritedSocket{unix}
	}
	return serve(inherited, handler, limits, handshake, logger)
}

// serve serves handler on inner in the background.
func serve(inner net.Listener, handler http.Handler, limits Limits, handshake Handshake,
	logger *slog.Logger) *Server {
	errorLog := newErrorLog(logger)
	s := &Server{
		handler: handler,
		slots:   newSlots(limits, time.Now),
		drain:   newDrain(),
		done:    make(chan error, 1),
	}
	s.listener = newListener(inner, s.slots)
	s.parking = newParking(s.drain, inner.Addr())
	if handshake.isZero() {
		s.listener = plain{s.listener, s.parking}
	} else {
		s.listener = newHandshaker(s.listener, handshake, limits.Read, s.drain, s.parking, errorLog)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.handle),
		ReadTimeout:                  limits.Read,
		WriteTimeout:                 limits.Read + writeTimeout,
		IdleTimeout:                  limits.Idle,
		MaxHeaderBytes:               max(limits.headerBytes()-readAhead, 1),
		DisableGeneralOptionsHandler: true, // OPTIONS * is handled like any other path
		ConnState:                    yield(trackRequests(s.drain.follow)),
		ErrorLog:                     log.New(errorLog, "", 0),
		Protocols:                    &protocols,
	}
	s.http2 = newHTTP2Servers(s.http, limits.headerBytes())
	go s.run()
	go func() { _ = s.http.Serve(s.parking) }() // until Shutdown
	return s
}

// run serves the connections of the listener until it is closed, and reports why it ended.
func (s *Server) run() {
	err := s.http.Serve(s.listener)
	if errors.Is(err, net.ErrClosed) {
		err = http.ErrServerClosed // only Shutdown closes the listener
	}
	s.done <- err
}

// handle calls the handler, and closes the connection after the response if the server is closing.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	cw := &closingWriter{ResponseWriter: w, closing: &s.drain.closing}
	s.handler.ServeHTTP(cw, r)
	cw.begin() // for a handler that wrote nothing, which means 200
}

// closingWriter adds Connection: close to a response that is sent while the server is closing.
// Without it the client would send its next request on that connection. In HTTP/2 net/http uses a
// frame for this (RFC 9113 §6.8).
type closingWriter struct {
	http.ResponseWriter
	closing *atomic.Bool
	begun   bool
}

// begin sets the header if it is needed. It is called before each part of the response, and acts
// before the first.
func (cw *closingWriter) begin() {
	if !cw.begun && cw.closing.Load() {
		cw.Header().Set("Connection", "close")
	}
	cw.begun = true
}

// WriteHeader implements http.ResponseWriter.
func (cw *closingWriter) WriteHeader(status int) {
	cw.begin()
	cw.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (cw *closingWriter) Write(data []byte) (int, error) {
	cw.begin()
	return cw.ResponseWriter.Write(data)
}

// Unwrap returns the underlying writer for http.ResponseController.
func (cw *closingWriter) Unwrap() http.ResponseWriter { return cw.ResponseWriter }

// Address returns the address on which the server listens, with the port that the system chose if
// none was given.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Done returns a channel that receives one error when the server has ended.
func (s *Server) Done() <-chan error { return s.done }

// Shutdown closes the listener and waits until ctx ends for requests in progress, and for those
// that clients may be sending on open connections. It then closes the remaining connections and
// returns on how many of them a request was broken off.
func (s *Server) Shutdown(ctx context.Context) (brokenOff int) {
	_ = s.listener.Close() // http.Server closes it again and gets the same result
	// not before: a client that is told to reconnect must find the listener closed
	s.drain.closing.Store(true)
	s.goAwayHTTP2()
	brokenOff = s.drain.wait(ctx)
	s.goAwayHTTP2() // for clients that sent their preface meanwhile
	_ = s.parking.Close()
	if s.http.Shutdown(ctx) != nil { // ctx has ended
		_ = s.http.Close()
	}
	return brokenOff
}

// goAwayHTTP2 tells every HTTP/2 client to send no new requests. Those in progress are completed.
func (s *Server) goAwayHTTP2() {
	// It returns at once: the owner has no connections of its own to wait for.
	_ = s.http2.owner.Shutdown(context.Background())
}
