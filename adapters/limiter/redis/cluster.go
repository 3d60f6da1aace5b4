package redis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// decideApart decides on a Cluster, where subjects may be on several nodes that no single script
// reaches.
//
// First it only reads all states: if any check would be refused, it writes nothing, so that a
// subject blocked by one limit takes nothing from the others, however often it is tried. Otherwise
// it takes the grants one after the other, each by a script that decides anew. So no limit is ever
// exceeded. If a later one is refused after all, the earlier ones are taken back: in between,
// another caller may have been refused once too often.
func (s *Storage) decideApart(ctx context.Context, client rueidis.Client, now throttle.Instant,
	checks *throttle.Checks) (throttle.Decision, error) {
	seen, err := s.lookAtAll(ctx, client, now, checks)
	if err != nil {
		return throttle.Decision{}, err
	}
	if decision := seen.decision(); decision.Refused() {
		return decision, nil
	}
	for i := range checks.Len() {
		got, err := s.judge(ctx, client, take, now, checks.At(i))
		if err != nil {
			s.takeAllBack(ctx, client, seen.of[:i])
			return throttle.Decision{}, err
		}
		seen.of[i] = got.of[0]
		if seen.of[i].state.RetryAfter > 0 {
			s.takeAllBack(ctx, client, seen.of[:i])
			break
		}
	}
	return seen.decision(), nil
}

// lookAtAll reads the states of all checks, from all nodes at once.
func (s *Storage) lookAtAll(ctx context.Context, client rueidis.Client, now throttle.Instant,
	checks *throttle.Checks) (results, error) {
	all := results{n: checks.Len()}
	errs := make([]error, checks.Len())
	var group sync.WaitGroup
	for i := range all.n {
		group.Go(func() {
			seen, err := s.judge(ctx, client, look, now, checks.At(i))
			if err != nil {
				errs[i] = err
				return
			}
			all.of[i] = seen.of[0]
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return results{}, err
		}
	}
	return all, nil
}

// takeAllBack takes back what was granted, with a timeout of its own, because the caller's may have
// passed. The caller waits until it is done, or until its deadline. A grant that cannot be taken
// back stays counted for one window.
func (s *Storage) takeAllBack(ctx context.Context, client rueidis.Client, taken []judged) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		for i := range taken {
			// Nothing can be done about an error, and the next decision will meet it too.
			_ = s.takeBack(own, client, taken[i].state.Check, taken[i].mark)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
