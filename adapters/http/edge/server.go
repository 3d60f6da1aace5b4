package edge

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// maxHeader is the most bytes of a request's headers: a token, a long chain of proxies, and room.
const maxHeader = 16 << 10

// answerWithin is how long writing an answer may take beyond the time that reading had.
const answerWithin = 10 * time.Second

// Bounds are what a listener grants to a connection.
type Bounds struct {
	// Read is how long a request's headers and body may take, Idle how long a connection may wait for the next.
	Read, Idle time.Duration
	// Connections is how many may be open at once; further ones wait in the kernel's queue.
	Connections int
}

// Server is one listener with its handler.
type Server struct {
	http     *http.Server
	handler  http.Handler
	listener *listener
	drain    *drain
	done     chan error
}

// Listen opens address and serves handler on it in the background.
func Listen(ctx context.Context, address string, handler http.Handler, bounds Bounds, logger *slog.Logger) (*Server, error) {
	var config net.ListenConfig
	inner, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{
		handler:  handler,
		listener: limit(inner, bounds.Connections),
		drain:    newDrain(),
		done:     make(chan error, 1),
	}
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ReadTimeout:                  bounds.Read,
		WriteTimeout:                 bounds.Read + answerWithin,
		IdleTimeout:                  bounds.Idle,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true, // OPTIONS * is answered like any other path
		ConnState:                    giveWay(s.drain.follow),
		ErrorLog:                     log.New(complaints{logger}, "", 0),
	}
	go s.run()
	return s, nil
}

func (s *Server) run() {
	err := s.http.Serve(s.listener)
	if errors.Is(err, net.ErrClosed) {
		err = http.ErrServerClosed // only Shutdown closes the listener
	}
	s.done <- err
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	p := &parting{ResponseWriter: w, closing: &s.drain.closing}
	s.handler.ServeHTTP(p, r)
	p.begin() // for a handler that wrote nothing, which answers 200
}

// parting says with an answer that its connection closes, where the server is closing when the answer leaves: a client that was not told would send its
// next request on it.
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
// Then it breaks off what is left, and tells how many requests that were.
func (s *Server) Shutdown(ctx context.Context) (brokenOff int) {
	_ = s.listener.Close()      // http.Server closes it again, and is told the same
	s.drain.closing.Store(true) // not before: whoever is told to connect anew shall find nobody
	brokenOff = s.drain.wait(ctx)
	s.drain.closeWaiting()
	if s.http.Shutdown(ctx) != nil { // ctx has ended
		_ = s.http.Close()
	}
	return brokenOff
}

// complaints is what net/http itself has to say. It says it with addresses and pieces of input, so only the kind of complaint goes on.
type complaints struct{ logger *slog.Logger }

// kinds are the beginnings of net/http's complaints that an operator can do something with.
var kinds = []string{"http: Accept error", "http: TLS handshake error", "http: superfluous response.WriteHeader call", "http: panic serving"}

// Write is io.Writer's, of one complaint.
func (c complaints) Write(line []byte) (int, error) {
	kind := "other"
	for _, known := range kinds {
		if strings.HasPrefix(string(line), known) {
			kind = known
		}
	}
	c.logger.LogAttrs(context.Background(), slog.LevelWarn, "http_server_complaint", slog.String("kind", kind))
	return len(line), nil
}
