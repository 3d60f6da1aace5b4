package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/offload/sessiond/ports"
)

// GoAwayHTTP2 shuts down only the server that HTTP/2 belongs to.
func (s *Server) GoAwayHTTP2() { s.goAwayHTTP2() }

// CountHTTP2 makes the server count as if n connections spoke HTTP/2.
func (s *Server) CountHTTP2(n int) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	s.slots.http2 = n
}

// NewErrorLog returns the writer that receives the messages of net/http.
func NewErrorLog(logger *slog.Logger) io.Writer { return newErrorLog(logger) }

// ReadProxyHeader reads a PROXY header from a connection on which each read returns one of parts.
// It returns what follows the header.
func ReadProxyHeader(parts []string) (rest string, err error) {
	conn, err := readProxyHeader(&inParts{parts: parts})
	if err != nil {
		return "", err
	}
	follows, err := io.ReadAll(conn)
	return string(follows), err
}

// inParts is a connection on which each read returns one of parts.
type inParts struct {
	net.Conn
	parts []string
}

// Read implements net.Conn.
func (p *inParts) Read(buffer []byte) (int, error) {
	if len(p.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(buffer, p.parts[0])
	p.parts[0] = p.parts[0][n:]
	if p.parts[0] == "" {
		p.parts = p.parts[1:]
	}
	return n, nil
}

// ClosingWriter returns the writer that the server gives to its handler.
func ClosingWriter(w http.ResponseWriter) http.ResponseWriter {
	return &closingWriter{ResponseWriter: w, closing: &atomic.Bool{}}
}

// Admission is the semaphore of requests that are being computed.
type Admission = admission

// NewAdmission returns a semaphore with slots, for which at most queueable requests wait.
func NewAdmission(slots, queueable int) *Admission { return newAdmission(slots, queueable) }

// Acquire takes a slot.
func (a *admission) Acquire(ctx context.Context) error { return a.acquire(ctx) }

// Release gives a slot back.
func (a *admission) Release() { a.release() }

// Taken returns how many slots are taken, and how many requests wait for one.
func (a *admission) Taken() (slots, queued int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taken, a.queue.Len()
}

// ErrNoSlot is the error for a request that got no slot.
var ErrNoSlot = errNoSlot

// Waiting holds the requests that wait for their clients.
type Waiting = waiting

// NewWaiting returns room for the given number of requests.
func NewWaiting(most int, clock ports.Clock, shed func(ports.Budget)) *Waiting {
	return newWaiting(most, clock, shed)
}

// AwaitBody and AwaitResponse record that a request waits. The result ends the wait.
func (w *waiting) AwaitBody(reset func()) (end func() bool) {
	return w.await(awaitedBody, reset)
}

// AwaitResponse is described with AwaitBody.
func (w *waiting) AwaitResponse(reset func()) (end func() bool) {
	return w.await(awaitedResponse, reset)
}

func (w *waiting) await(what awaited, reset resetFunc) (end func() bool) {
	own := new(wait)
	w.begin(own, what, reset)
	return own.end
}

// resetFunc is a function as resettable.
type resetFunc func()

func (f resetFunc) reset(awaited) { f() }

// Len returns how many requests wait.
func (w *waiting) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size()
}

// NewSmallBudgets returns budgets with other bounds than those of a service.
func NewSmallBudgets(slots, queueable, most int, clock ports.Clock, events ports.Events) *Budgets {
	return newBudgets(slots, queueable, most, clock, events)
}

// Waiting returns the requests that wait for their clients.
func (b *Budgets) Waiting() *Waiting { return b.waiting }

// Admission returns the semaphore of b.
func (b *Budgets) Admission() *Admission { return b.admission }

// Paced is an HTTP/2 connection that is read at a bounded pace.
type Paced = paced

// NewTurns returns turns that no connection has.
func NewTurns() chan struct{} { return newTurns() }

// NewPaced returns conn as HTTP/2 with so many streams is read from it.
func NewPaced(conn net.Conn, turns chan struct{}, streams int) *Paced {
	return newPaced(conn, turns, streams)
}

// OfProxy is the number of streams of a trusted proxy.
const OfProxy = proxyStreams

// Answering returns handler as it handles the requests on p.
func (p *paced) Answering(handler http.Handler) http.Handler { return &onPaced{handler, p} }

// Allowance returns what is left.
func (p *paced) Allowance() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.allowance
}
