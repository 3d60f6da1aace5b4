// Package redis implements the limiter's storage that replicas share: one Redis 7 or Valkey server,
// Sentinel or a Cluster.
//
// The last grants of each subject lie under one key that expires no earlier than the window.
// Instants are the server's, so that replicas whose clocks differ agree. On one server a decision
// is one call of a script, in one round trip, all or nothing; for a Cluster see cluster.go. Keys
// and values contain no more of a subject than its digest. What happens during an outage of the
// server is not decided here but by another adapter. It imports domain, ports, rueidis and the
// standard library.
package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// maxWaiting bounds the concurrent decisions, including those that no caller waits for any more. It
// is the number of commands that rueidis queues for one connection: beyond it a caller would wait
// for the queue, whatever its deadline.
const maxWaiting = 1 << rueidis.DefaultRingScale

// Storage implements ports.LimiterStorage. Decide returns by the deadline of its context, or within
// the storage's timeout where the context has none, and fails with an *UnavailableError. The server
// may still count a decision that failed: that can only lead to later refusals, never to more
// grants. Close ends it.
type Storage struct {
	server  *connection
	timeout time.Duration
	prefix  string
	clock   clock
	slots   chan struct{}
}

// keyPrefix is the prefix of all keys, for installations that share the server and for operators
// who inspect it.
const keyPrefix = "sessiond:"

// New creates a storage on the server that url names, which is a result of ParseURL. It connects at
// the first decision, so that the service starts while its storage is absent. timeout bounds a
// decision whose context has no deadline; it must be above 0.
func New(url URL, timeout time.Duration) *Storage {
	return &Storage{
		server: connectionTo(url.option(timeout)), timeout: timeout, prefix: keyPrefix,
		clock: serverClock, slots: make(chan struct{}, maxWaiting),
	}
}

// CloseTimeout is enough time for Close. Connections are cut at once; the time is for cleaning up
// after them.
const CloseTimeout = time.Second

// Close closes the connections. Decisions under way fail at once, as do all later ones, and no
// connection is attempted any more. It waits for the rest to end, but no longer than ctx.
func (s *Storage) Close(ctx context.Context) { s.server.close(ctx) }

// Decide implements ports.LimiterStorage. It ignores now: the server's clock decides.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	if checks.Len() == 0 {
		return throttle.Decision{}, nil
	}
	decide := func(ctx context.Context, client rueidis.Client) (throttle.Decision, error) {
		if client.Mode() == rueidis.ClientModeCluster && checks.Len() > 1 {
			return s.decideApart(ctx, client, now, &checks)
		}
		return s.decideAtOnce(ctx, client, now, &checks)
	}
	return within(ctx, s, decide)
}

// decideAtOnce decides where all keys lie on one server.
func (s *Storage) decideAtOnce(ctx context.Context, client rueidis.Client, now throttle.Instant,
	checks *throttle.Checks) (throttle.Decision, error) {
	var all [throttle.MaxChecks]throttle.Check
	for i := range checks.Len() {
		all[i] = checks.At(i)
	}
	found, err := s.judge(ctx, client, take, now, all[:checks.Len()]...)
	if err != nil {
		return throttle.Decision{}, err
	}
	return found.decision(), nil
}

// within calls do in a goroutine of its own. rueidis respects a deadline nearly everywhere, but not
// while it waits for room in a connection's queue, for another caller's connection attempt, or for
// a Cluster's map.
func within[A any](ctx context.Context, s *Storage,
	do func(context.Context, rueidis.Client) (A, error)) (A, error) {
	type answer struct {
		a   A
		err error
	}
	var none A
	cancel := func() {}
	if _, bounded := ctx.Deadline(); !bounded {
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
	}
	defer cancel()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return none, unavailable(ctx.Err())
	}
	answered := make(chan answer, 1)
	go func() {
		defer func() { <-s.slots }()
		client, err := s.server.get(ctx)
		if err != nil {
			answered <- answer{err: unavailable(err)}
			return
		}
		a, err := do(ctx, client)
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
