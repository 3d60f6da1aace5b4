// Package redis implements the limiter storage that replicas share: Redis 7 or Valkey, as one
// server, with Sentinel, or as a Cluster.
//
// A subject's last grants are under one key, which expires no earlier than its window, and instants
// are the server's, so replicas whose clocks differ agree. On one server a decision is one call of
// a script, in one round trip, all or nothing; for a Cluster see cluster.go. No key or value holds
// more of a subject than its digest. What to do while the server is down is decided by another
// adapter. The package imports domain, ports, rueidis and the standard library.
package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// maxWaiting bounds the decisions in progress, including abandoned ones. It is the length of
// rueidis's queue for one connection: beyond it a caller would wait for the queue, whatever its
// deadline.
const maxWaiting = 1 << rueidis.DefaultRingScale

// Storage is a ports.LimiterStorage. Decide answers by the deadline of its context, or within the
// storage's own timeout if that has none, and fails with an *UnavailableError. The server may still
// count a decision that failed: that can only refuse later, never grant. Close ends it.
type Storage struct {
	server  *connection
	timeout time.Duration
	prefix  string
	clock   clock
	waiting chan struct{}
}

// keyPrefix is the prefix of all keys, for those who share or inspect the server.
const keyPrefix = "sessiond:"

// New returns a storage on the server that url names: redis:// or rediss:// with the parameters in
// url.go. It fails only with a *URLError: it connects at the first decision, so that the service
// starts while its storage is down. timeout bounds a decision whose context has no deadline, and
// must be positive.
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

// Unverified reports whether another host could impersonate the server: TLS with a certificate that
// the URL says not to verify.
func (s *Storage) Unverified() bool {
	config := s.server.option.TLSConfig
	return config != nil && config.InsecureSkipVerify
}

// Close closes the connections: decisions in progress fail at once, as do all later ones, and
// connecting stops. It waits for the rest to end, no longer than ctx.
func (s *Storage) Close(ctx context.Context) { s.server.close(ctx) }

// Decide implements ports.LimiterStorage. It ignores now: the server's clock decides.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	if checks.Len() == 0 {
		return throttle.Decision{}, nil
	}
	return within(ctx, s, func(ctx context.Context, client rueidis.Client) (throttle.Decision,
		error) {
		if client.Mode() == rueidis.ClientModeCluster && checks.Len() > 1 {
			return s.decideApart(ctx, client, now, &checks)
		}
		return s.decideAtOnce(ctx, client, now, &checks)
	})
}

// decideAtOnce decides if all keys are on one server.
func (s *Storage) decideAtOnce(ctx context.Context, client rueidis.Client, now throttle.Instant,
	checks *throttle.Checks) (throttle.Decision, error) {
	var all [throttle.MaxChecks]throttle.Check
	for i := range checks.Len() {
		all[i] = checks.At(i)
	}
	judged, err := s.judge(ctx, client, take, now, all[:checks.Len()]...)
	if err != nil {
		return throttle.Decision{}, err
	}
	return judged.decision(), nil
}

// within calls the server in a goroutine of its own: rueidis honors a deadline nearly everywhere,
// but not while it waits for room in a connection's queue, for another caller's connection attempt,
// or for a Cluster's map.
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
