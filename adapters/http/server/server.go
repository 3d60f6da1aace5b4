package server

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// maxHeader is the maximum size of a request's headers: room for a token and a long chain of
// proxies.
const maxHeader = 16 << 10

// answerWithin is how long writing a response may take beyond the time for reading, and how long an
// HTTP/2 client that receives nothing is waited for.
const answerWithin = 10 * time.Second

// maxFrame is the maximum size of an HTTP/2 frame, the smallest that RFC 9113 §4.2 allows: net/http
// allocates a frame as soon as its header has arrived, and keeps it as long as the connection. Its
// own limit is a mebibyte.
const maxFrame = 16 << 10

// maxStreams is the maximum number of concurrent requests on one HTTP/2 connection, the minimum
// that RFC 9113 §6.5.2 recommends.
const maxStreams = 100

// The maximum number of unread body bytes, for a stream and for a connection. Bodies here are
// small.
const (
	maxStreamWaiting     = 64 << 10
	maxConnectionWaiting = 256 << 10
)

// Limits are what a listener grants to a connection.
type Limits struct {
	// Read is how long a request's headers and body may take, Idle how long a connection may wait
	// for the next request.
	Read, Idle time.Duration
	// Connections is the maximum number of open connections; further ones wait in the kernel's
	// queue.
	Connections int
}

// Server is one listener with its handler. It speaks HTTP/1.1 and HTTP/2: over TLS, and in the
// clear with clients that know it beforehand.
type Server struct {
	http     *http.Server
	http2    *http.Server // never serves; see newHTTP2
	handler  http.Handler
	listener net.Listener
	drain    *drain
	done     chan error
}

// Listen opens address and serves handler on it in the background, to connections that complete the
// handshake.
func Listen(ctx context.Context, address string, handler http.Handler, bounds Limits,
	entry Handshake, logger *slog.Logger) (*Server, error) {
	var config net.ListenConfig
	inner, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	told := newComplaints(logger)
	s := &Server{
		handler:  handler,
		listener: limit(inner, bounds.Connections),
		drain:    newDrain(),
		done:     make(chan error, 1),
	}
	if entry.free() {
		s.listener = plain{s.listener}
	} else {
		s.listener = newHandshaker(s.listener, entry, bounds.Read, s.drain, told)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ReadTimeout:                  bounds.Read,
		WriteTimeout:                 bounds.Read + answerWithin,
		IdleTimeout:                  bounds.Idle,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true, // OPTIONS * is answered like any other path
		ConnState:                    giveWay(s.drain.follow),
		ErrorLog:                     log.New(told, "", 0),
		Protocols:                    &protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReadFrameSize:              maxFrame,
			MaxReceiveBufferPerStream:     maxStreamWaiting,
			MaxReceiveBufferPerConnection: maxConnectionWaiting,
			// the deadline of a stream does not apply to a write that the socket blocks
			WriteByteTimeout: answerWithin,
		},
	}
	s.http2 = newHTTP2(s.http)
	go s.run()
	return s, nil
}

// newHTTP2 moves net/http's HTTP/2 from server to a second http.Server, which never serves.
// Shutdown tells HTTP/2 clients that nothing more is accepted, and it closes idle HTTP/1
// connections. The former must happen at once and the latter must not, so each has its own
// Shutdown. That net/http works like this is not documented: TestHTTP2BelongsToAServerOfItsOwn
// checks it.
func newHTTP2(server *http.Server) *http.Server {
	apart := &http.Server{Protocols: server.Protocols, IdleTimeout: server.IdleTimeout,
		ReadTimeout: server.ReadTimeout}
	_ = apart.Serve(nowhere{}) // only for what it sets up for HTTP/2
	server.TLSNextProto = apart.TLSNextProto
	return apart
}

// nowhere is a listener that never accepts a connection.
type nowhere struct{ net.Listener }

// Accept implements net.Listener.
func (nowhere) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close implements net.Listener.
func (nowhere) Close() error { return nil }

func (s *Server) run() {
	err := s.http.Serve(s.listener)
	if errors.Is(err, net.ErrClosed) {
		err = http.ErrServerClosed // only Shutdown closes the listener
	}
	s.done <- err
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	// No request is processed for longer than its response could still be sent.
	ctx, cancel := context.WithTimeout(r.Context(), s.http.WriteTimeout)
	defer cancel()
	p := &parting{ResponseWriter: w, closing: &s.drain.closing}
	s.handler.ServeHTTP(p, r.WithContext(ctx))
	p.begin() // for a handler that wrote nothing, which answers 200
}

// parting announces with a response that its connection closes, if the server is closing by then:
// otherwise the client would send its next request on it. For HTTP/2, net/http announces that with
// a frame (RFC 9113 §6.8).
type parting struct {
	http.ResponseWriter
	closing *atomic.Bool
	begun   bool
}

// begin is called before the first byte of the response.
func (p *parting) begin() {
	if !p.begun && p.closing.Load() {
		p.Header().Set("Connection", "close")
	}
	p.begun = true
}

// WriteHeader implements http.ResponseWriter.
func (p *parting) WriteHeader(status int) {
	p.begin()
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *parting) Write(data []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(data)
}

// Unwrap is for http.ResponseController.
func (p *parting) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Address returns the address on which the server listens, with the port that the system chose if
// none was requested.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Done receives, once, why the server ended before Shutdown.
func (s *Server) Done() <-chan error { return s.done }

// Shutdown closes the listener and waits, until ctx ends, for requests in progress and for those
// that clients may be sending on open connections. Then it closes the remaining connections and
// returns the number of requests broken off.
func (s *Server) Shutdown(ctx context.Context) (brokenOff int) {
	_ = s.listener.Close() // http.Server closes it again, with the same result
	// not before: a client that is told to reconnect must find the listener closed
	s.drain.closing.Store(true)
	s.partHTTP2()
	brokenOff = s.drain.wait(ctx)
	s.partHTTP2() // for clients that sent their preface meanwhile
	s.drain.closeWaiting()
	if s.http.Shutdown(ctx) != nil { // ctx has ended
		_ = s.http.Close()
	}
	return brokenOff
}

// partHTTP2 tells every HTTP/2 client that nothing more is accepted. Requests in progress are
// answered.
func (s *Server) partHTTP2() {
	_ = s.http2.Shutdown(context.Background()) // it has no connection to wait for
}
