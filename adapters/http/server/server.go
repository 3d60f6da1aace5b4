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

// maxHeader is the most bytes of a request's headers: a token, a long chain of proxies, and room.
const maxHeader = 16 << 10

// answerWithin is how long writing an answer may take beyond the time that reading had, and how long a client that takes in nothing of HTTP/2 is waited for.
const answerWithin = 10 * time.Second

// maxFrame is the most bytes of a frame of HTTP/2, the least that RFC 9113 §4.2 allows: net/http takes the room for a frame as soon as its head has come, and keeps it
// as long as the connection. Its own bound is a mebibyte.
const maxFrame = 16 << 10

// maxStreams is the most requests that one connection of HTTP/2 may have under way: as many as RFC 9113 §6.5.2 would have at least.
const maxStreams = 100

// The most bytes of bodies that wait to be read, for a stream and for a connection. Bodies here are small.
const (
	maxStreamWaiting     = 64 << 10
	maxConnectionWaiting = 256 << 10
)

// Bounds are what a listener grants to a connection.
type Limits struct {
	// Read is how long a request's headers and body may take, Idle how long a connection may wait for the next.
	Read, Idle time.Duration
	// Connections is how many may be open at once; further ones wait in the kernel's queue.
	Connections int
}

// Server is one listener with its handler. It speaks HTTP/1.1, and HTTP/2: over TLS, and in the clear with clients who know it beforehand.
type Server struct {
	http     *http.Server
	http2    *http.Server // never serves; see newHTTP2
	handler  http.Handler
	listener net.Listener
	drain    *drain
	done     chan error
}

// Listen opens address and serves handler on it in the background, to those who bring what entry asks for.
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
		s.listener = openLobby(s.listener, entry, bounds.Read, s.drain, told)
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
			WriteByteTimeout:              answerWithin, // the deadline of a stream does not reach a write that the socket holds up
		},
	}
	s.http2 = newHTTP2(s.http)
	go s.run()
	return s, nil
}

// newHTTP2 has net/http's HTTP/2 of server belong to a second http.Server, which never serves anything. Shutdown tells clients of HTTP/2 that nothing more is
// taken, and it closes connections of HTTP/1 between two requests. The former must come at once and the latter must not, so each has a Shutdown of its own.
// That net/http does so is not documented: TestHTTP2BelongsToAServerOfItsOwn holds it to that.
func newHTTP2(server *http.Server) *http.Server {
	apart := &http.Server{Protocols: server.Protocols, IdleTimeout: server.IdleTimeout,
		ReadTimeout: server.ReadTimeout}
	_ = apart.Serve(nowhere{}) // what it sets up for HTTP/2 on the way is all that is wanted
	server.TLSNextProto = apart.TLSNextProto
	return apart
}

// nowhere is a listener on which nobody ever comes.
type nowhere struct{ net.Listener }

// Accept is net.Listener's.
func (nowhere) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close is net.Listener's.
func (nowhere) Close() error { return nil }

func (s *Server) run() {
	err := s.http.Serve(s.listener)
	if errors.Is(err, net.ErrClosed) {
		err = http.ErrServerClosed // only Shutdown closes the listener
	}
	s.done <- err
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	// Nothing is worked on for longer than its answer could still be sent.
	ctx, cancel := context.WithTimeout(r.Context(), s.http.WriteTimeout)
	defer cancel()
	p := &parting{ResponseWriter: w, closing: &s.drain.closing}
	s.handler.ServeHTTP(p, r.WithContext(ctx))
	p.begin() // for a handler that wrote nothing, which answers 200
}

// parting says with an answer that its connection closes, where the server is closing when the answer leaves: a client that was not told would send its
// next request on it. In HTTP/2 net/http says so in a frame of its own (RFC 9113 §6.8).
type parting struct {
	http.ResponseWriter
	closing *atomic.Bool
	begun   bool
}

// begin is called before the first byte of the answer.
func (p *parting) begin() {
	if !p.begun && p.closing.Load() {
		p.Header().Set("Connection", "close")
	}
	p.begun = true
}

// WriteHeader is http.ResponseWriter's.
func (p *parting) WriteHeader(status int) {
	p.begin()
	p.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (p *parting) Write(data []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(data)
}

// Unwrap is http.ResponseController's.
func (p *parting) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Address is where the server listens, with the port that the system chose where none was asked for.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Done tells once why the server ended before it was asked to.
func (s *Server) Done() <-chan error { return s.done }

// Shutdown closes the listener and waits until ctx ends for requests under way, and for those that clients may be sending on connections that are open.
// Then it breaks off what is left, and tells on how many connections that was.
func (s *Server) Shutdown(ctx context.Context) (brokenOff int) {
	_ = s.listener.Close()      // http.Server closes it again, and is told the same
	s.drain.closing.Store(true) // not before: whoever is told to connect anew shall find nobody
	s.partHTTP2()
	brokenOff = s.drain.wait(ctx)
	s.partHTTP2() // for those who said hello meanwhile
	s.drain.closeWaiting()
	if s.http.Shutdown(ctx) != nil { // ctx has ended
		_ = s.http.Close()
	}
	return brokenOff
}

// partHTTP2 tells every client of HTTP/2 that nothing more is taken. What is under way is answered.
func (s *Server) partHTTP2() {
	_ = s.http2.Shutdown(context.Background()) // it has no connection to wait for
}
