package redis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// decideApart is a decision on a Cluster, where subjects may lie on several nodes and no script reaches two of them.
//
// All are first only read: where any would refuse, nothing is written, so that who is blocked by one limit takes nothing from the others,
// however often he asks. Otherwise one is taken after the other, each by a script that judges anew. So no limit is ever passed. Where a later one
// refuses after all, the earlier ones are taken back: in between, another caller may have been refused once too often.
func (s *Storage) decideApart(ctx context.Context, client rueidis.Client, now throttle.Instant,
	asks *throttle.Checks) (throttle.Decision, error) {
	seen, err := s.lookAtAll(ctx, client, now, asks)
	if err != nil {
		return throttle.Decision{}, err
	}
	if decision := seen.decision(); decision.Refused() {
		return decision, nil
	}
	for i := range asks.Len() {
		got, err := s.judge(ctx, client, take, now, asks.At(i))
		if err != nil {
			s.takeAllBack(ctx, client, seen.of[:i])
			return throttle.Decision{}, err
		}
		seen.of[i] = got.of[0]
		if seen.of[i].standing.RetryAfter > 0 {
			s.takeAllBack(ctx, client, seen.of[:i])
			break
		}
	}
	return seen.decision(), nil
}

// lookAtAll reads how all asks stand, from all nodes at once.
func (s *Storage) lookAtAll(ctx context.Context, client rueidis.Client, now throttle.Instant,
	asks *throttle.Checks) (judgedAsks, error) {
	all := judgedAsks{n: asks.Len()}
	errs := make([]error, asks.Len())
	var group sync.WaitGroup
	for i := range all.n {
		group.Go(func() {
			seen, err := s.judge(ctx, client, look, now, asks.At(i))
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
			return judgedAsks{}, err
		}
	}
	return all, nil
}

// takeAllBack takes back what was granted, within a time of its own: the caller's may be over. He is kept until it is done, or until his deadline. A
// grant that cannot be taken back costs its room for one window.
func (s *Storage) takeAllBack(ctx context.Context, client rueidis.Client, taken []judged) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		for i := range taken {
			// Nobody can do anything about an error, and the next decision will meet it too.
			_ = s.takeBack(own, client, taken[i].standing.Check, taken[i].mark)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
