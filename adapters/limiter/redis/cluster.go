package redis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// decideAlone makes a decision on a Cluster for the caller that waits for it.
func (s *Storage) decideAlone(w *waiting) (findings, error) {
	// The function may still run after within has returned, and must not use w then.
	now, checks := w.request.now, throttle.NewChecks(w.request.checks[:w.request.n]...)
	return within(w.ctx, s, func(ctx context.Context, l *lease) (findings, error) {
		found, err := s.decideApart(ctx, l.client, now, &checks)
		if err != nil {
			s.server.reportFailure(l, unavailable(err))
		}
		return found, err
	})
}

// decideApart decides on a Cluster, where subjects may lie on several nodes and no script reaches
// two of them.
//
// All subjects are first only inspected. If one would be refused, nothing is written, so that a
// caller that one limit blocks takes no grants from the others, however often it comes. Otherwise
// grants are taken one after the other, each by a script that checks the limit again, so that no
// limit is ever exceeded. If a later grant is refused after all, the earlier ones are taken back;
// in between, another caller may have been refused once too often.
func (s *Storage) decideApart(ctx context.Context, client rueidis.Client, now throttle.Instant,
	checks *throttle.Checks) (findings, error) {
	if checks.Len() == 1 {
		only := s.requestFor(now, checks.At(0))
		err := s.runScript(ctx, client, take, only)
		return only.found, err
	}
	seen, err := s.inspectAll(ctx, client, now, checks)
	if err != nil {
		return findings{}, err
	}
	if decision := seen.decision(); decision.Refused() {
		return seen, nil
	}
	for i := range checks.Len() {
		got := s.requestFor(now, checks.At(i))
		if err := s.runScript(ctx, client, take, got); err != nil {
			s.takeAllBack(ctx, client, seen.of[:i])
			return findings{}, err
		}
		seen.of[i] = got.found.of[0]
		if seen.of[i].state.RetryAfter > 0 {
			s.takeAllBack(ctx, client, seen.of[:i])
			break
		}
	}
	return seen, nil
}

// inspectAll reads the state of all checks, from all nodes at once.
func (s *Storage) inspectAll(ctx context.Context, client rueidis.Client, now throttle.Instant,
	checks *throttle.Checks) (findings, error) {
	all := findings{n: checks.Len()}
	errs := make([]error, checks.Len())
	var group sync.WaitGroup
	for i := range all.n {
		group.Go(func() {
			seen := s.requestFor(now, checks.At(i))
			errs[i] = s.runScript(ctx, client, inspect, seen)
			all.of[i] = seen.found.of[0]
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return findings{}, err
		}
	}
	return all, nil
}

// takeAllBack takes grants back, with a deadline of its own, because that of the caller may have
// passed. It returns when that is done, or when ctx is done. A grant that cannot be taken back
// counts until its window ends.
func (s *Storage) takeAllBack(ctx context.Context, client rueidis.Client, taken []finding) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		for i := range taken {
			// The error is ignored: nothing can be done, and the next decision reports it.
			_ = s.takeBack(own, client, taken[i].state.Check, taken[i].mark)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
