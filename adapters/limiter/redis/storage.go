// Package redis implements the limiter's storage that replicas share: one Redis 7 or Valkey server,
// Sentinel or a Cluster.
//
// The last grants of each subject are stored under one key that expires no earlier than the window.
// The use of a proof, which has only one grant, is a key without a value. Instants are those of the
// server's clock, so that replicas whose clocks differ agree. On one server a decision is part of
// one call of a script, in one round trip, all or nothing; decisions that wait at the same time
// share a call. For a Cluster see cluster.go. Keys and values contain no more of a subject than its
// digest. Another adapter, outage, decides during an outage of the server. The package imports
// domain, ports, adapters/system, rueidis and the standard library.
package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// maxWaiting bounds the concurrent calls to rueidis, including those that no caller waits for any
// more. It is the number of commands that rueidis queues for one connection: beyond it a call would
// wait for the queue, whatever its deadline.
const maxWaiting = 1 << rueidis.DefaultRingScale

// Storage implements ports.LimiterStorage. Decide returns by the deadline of its context, or within
// the storage's timeout if the context has none, and fails with an *UnavailableError. The server
// may still count a decision that failed: that can only lead to later refusals, never to more
// grants. Close releases its connections.
type Storage struct {
	server  *connection
	timeout time.Duration
	prefix  string
	clock   clock
	calls   *calls
	slots   chan struct{} // one element for each operation in within
}

// Server is the server of a storage, and how the storage uses it. All fields but KeyPrefix are
// required.
type Server struct {
	// URL is a result of ParseURL.
	URL URL
	// KeyPrefix is the prefix of all keys, for installations that share the server and for
	// operators who inspect it. Storages that share limits need the same prefix.
	KeyPrefix string
	// Timeout bounds a decision whose context has no deadline; above 0.
	Timeout time.Duration
	// Draw returns numbers drawn uniformly from [0, 1).
	Draw func() float64
}

// New creates a storage on a server. It connects at the first decision, so that the service can
// start while its storage is absent. When a decision fails, and every few minutes anyway, it
// connects anew and resolves the server's name again, so that it follows a name to another server.
func New(server Server) *Storage {
	return &Storage{
		server: connectionTo(server), timeout: server.Timeout, prefix: server.KeyPrefix,
		clock: serverClock, calls: &calls{}, slots: make(chan struct{}, maxWaiting),
	}
}

// CloseTimeout is enough time for Close. Connections are cut at once; the time is for cleaning up
// after them.
const CloseTimeout = time.Second

// Close closes the connections and prevents new ones. Decisions under way and later ones fail at
// once. It waits for the client to end, but not after ctx is done.
func (s *Storage) Close(ctx context.Context) { s.server.close(ctx) }

// Decide implements ports.LimiterStorage. It ignores now: the server's clock decides.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	if checks.Len() == 0 {
		return throttle.Decision{}, nil
	}
	ctx, cancel := s.withDeadline(ctx)
	defer cancel()
	w := s.calls.prepare()
	w.ctx, w.storage, w.request.now = ctx, s, now
	for i := range checks.Len() {
		w.request.add(checks.At(i), s)
	}
	s.calls.enter(w)
	select {
	case <-w.decided:
		defer s.calls.reuse(w)
		if w.err != nil {
			return throttle.Decision{}, w.err
		}
		return w.request.found.decision(), nil
	case <-ctx.Done():
		s.calls.leave(w)
		return throttle.Decision{}, unavailable(ctx.Err())
	}
}

// withDeadline returns ctx with the storage's timeout, or unchanged if it has a deadline.
func (s *Storage) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout)
}

// within calls do with a lease, in a goroutine of its own, and returns by the deadline of ctx or
// within the storage's timeout. do may run on after that: rueidis respects a deadline nearly
// everywhere, but not while it waits for room in a connection's queue, for another caller's
// connection attempt, or for a Cluster's map.
func within[A any](ctx context.Context, s *Storage,
	do func(context.Context, *lease) (A, error)) (A, error) {
	type answer struct {
		a   A
		err error
	}
	var none A
	ctx, cancel := s.withDeadline(ctx)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return none, unavailable(ctx.Err())
	}
	answered := make(chan answer, 1)
	go func() {
		defer func() { <-s.slots }()
		l, err := s.server.get(ctx)
		if err != nil {
			answered <- answer{err: unavailable(err)}
			return
		}
		defer l.release()
		a, err := do(ctx, l)
		if err != nil {
			err = unavailable(err)
		}
		answered <- answer{a, err}
	}()
	select {
	case got := <-answered:
		return got.a, got.err
	case <-ctx.Done():
		return none, unavailable(ctx.Err())
	}
}
