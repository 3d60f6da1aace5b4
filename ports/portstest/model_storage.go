package portstest

import (
	"context"
	"sync"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// NewModelStorage returns a storage that decides as the model of the conformance suite does. It
// keeps every grant and is slow. Use it in tests of code that uses a storage. It is safe for
// concurrent use.
func NewModelStorage() ports.LimiterStorage { return &modelStorage{model: newModel()} }

type modelStorage struct {
	mu    sync.Mutex
	model *model
}

// Decide implements ports.LimiterStorage.
func (s *modelStorage) Decide(_ context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []throttle.Check
	for i := range checks.Len() {
		list = append(list, checks.At(i))
	}
	answers, granted := s.model.decide(now, list)
	var states []throttle.State
	for i, answer := range answers {
		state := throttle.State{Check: list[i], Remaining: answer.remaining,
			ResetAfter: answer.resetAfter, RetryAfter: answer.retryAfter}
		if granted {
			state.Remaining++ // the model has counted the grant; throttle.Decide counts it again
		}
		states = append(states, state)
	}
	return throttle.Decide(states...), nil
}
