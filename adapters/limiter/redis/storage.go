// Package redis is the limiter's storage that replicas share: Redis 7 or Valkey, one server, Sentinel or Cluster.
//
// Each subject's last grants lie under one key that expires no earlier than its window, and instants are the server's, so replicas whose
// clocks differ agree. On one server a decision is one call of a script, in one round trip, all or nothing; on a Cluster see cluster.go. No
// key or value holds more of a subject than its digest. It decides nothing else: what to do while the server is out is another adapter's
// business. It imports domain, ports, rueidis and the standard library.
package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// maxWaiting bounds the decisions that are under way at once, in which those count that nobody waits for any more. It is as many as rueidis queues
// for one connection: beyond it a caller would wait for the queue, whatever his deadline.
const maxWaiting = 1 << rueidis.DefaultRingScale

// Storage is a ports.LimiterStorage. Decide answers by the deadline of its context, or within the storage's own timeout where that has none, and
// fails with an *UnavailableError. A decision that failed may still be counted by the server: it can only refuse later, never grant.
// Close ends it.
type Storage struct {
	server  *connection
	timeout time.Duration
	prefix  string
	clock   clock
	waiting chan struct{}
}

// keyPrefix stands before all keys, for those who share the server and for who looks at it.
const keyPrefix = "sessiond:"

// New makes a storage on the server that url names: redis:// or rediss:// with the parameters of url.go. It fails with a *URLError alone: it
// connects at the first decision, so that the service starts while its storage is absent. timeout bounds a decision whose context has no deadline;
// above 0.
func New(url string, timeout time.Duration) (*Storage, error) {
	option, err := parse(url, timeout)
	if err != nil {
		return nil, err
	}
	return &Storage{
		server: connectionTo(option), timeout: timeout, prefix: keyPrefix, clock: serverClock,
		waiting: make(chan struct{}, maxWaiting),
	}, nil
}

// Unverified tells whether anybody could pass for the server: TLS, whose certificate the URL says not to check.
func (s *Storage) Unverified() bool {
	config := s.server.option.TLSConfig
	return config != nil && config.InsecureSkipVerify
}

// Close cuts the connections: decisions under way fail at once, as do all later ones, and connecting is given up. It waits for what
// is left to end, no longer than ctx.
func (s *Storage) Close(ctx context.Context) { s.server.close(ctx) }

// Decide is ports.LimiterStorage's. now is passed over: the server's clock decides.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	asks throttle.Checks) (throttle.Decision, error) {
	if asks.Len() == 0 {
		return throttle.Decision{}, nil
	}
	return within(ctx, s, func(ctx context.Context, client rueidis.Client) (throttle.Decision,
		error) {
		if client.Mode() == rueidis.ClientModeCluster && asks.Len() > 1 {
			return s.decideApart(ctx, client, now, &asks)
		}
		return s.decideAtOnce(ctx, client, now, &asks)
	})
}

// decideAtOnce is a decision where all keys lie on one server.
func (s *Storage) decideAtOnce(ctx context.Context, client rueidis.Client, now throttle.Instant,
	asks *throttle.Checks) (throttle.Decision, error) {
	var all [throttle.MaxChecks]throttle.Check
	for i := range asks.Len() {
		all[i] = asks.At(i)
	}
	judged, err := s.judge(ctx, client, take, now, all[:asks.Len()]...)
	if err != nil {
		return throttle.Decision{}, err
	}
	return judged.decision(), nil
}

// within asks the server, in a goroutine of its own: rueidis looks at a deadline nearly everywhere, but not while it waits for room in a
// connection's queue, for another caller's connecting, or for a Cluster's map.
func within[A any](ctx context.Context, s *Storage,
	ask func(context.Context, rueidis.Client) (A, error)) (A, error) {
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
	case s.waiting <- struct{}{}:
	case <-ctx.Done():
		return none, unavailable(ctx.Err())
	}
	answered := make(chan answer, 1)
	go func() {
		defer func() { <-s.waiting }()
		client, err := s.server.get(ctx)
		if err != nil {
			answered <- answer{err: unavailable(err)}
			return
		}
		a, err := ask(ctx, client)
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
