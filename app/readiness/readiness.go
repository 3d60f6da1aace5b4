// Package readiness tells whether this replica can do its work: whether it is neither starting nor stopping, a key could sign, and
// no part says otherwise. It imports domain and ports.
package readiness

import (
	"sync/atomic"

	"github.com/offload/sessiond/ports"
)

// The names of the checks that are always there.
const (
	checkService = "service"
	checkKeys    = "keys"
)

// The stages of a service's life.
const (
	starting int32 = iota
	serving
	stopping
)

// Service is ports.Readiness.
type Service struct {
	keys  ports.KeySource
	clock ports.Clock
	parts []ports.Health
	stage atomic.Int32
	// signed is true from the first instant at which a key could sign. From then on the want of one is a detail: taking every replica
	// out for it would end verifying too.
	signed atomic.Bool
}

// New makes the readiness of a service that is starting, with whatever parts may be out.
func New(keys ports.KeySource, clock ports.Clock, parts ...ports.Health) *Service {
	return &Service{keys: keys, clock: clock, parts: parts}
}

// Started says that the service serves. Whether a key could sign is looked at now too: the first probe may come when it has ended.
func (s *Service) Started() {
	s.stage.Store(serving)
	s.signer()
}

// Stopping says that the service stops.
func (s *Service) Stopping() { s.stage.Store(stopping) }

// Conditions is ports.Readiness's.
func (s *Service) Conditions() []ports.Condition {
	conditions := []ports.Condition{s.service(), s.signer()}
	for _, part := range s.parts {
		conditions = append(conditions, part.Condition())
	}
	return conditions
}

func (s *Service) service() ports.Condition {
	condition := ports.Condition{Name: checkService}
	switch s.stage.Load() {
	case serving:
		condition.Ready = true
	case stopping:
		condition.Detail = "stopping"
	default:
		condition.Detail = "starting"
	}
	return condition
}

func (s *Service) signer() ports.Condition {
	condition := ports.Condition{Name: checkKeys, Ready: true}
	if _, ok := s.keys.Keyring().SignerAt(s.clock.Now()); ok {
		s.signed.Store(true)
		return condition
	}
	condition.Ready = s.signed.Load()
	condition.Detail = "no key may sign now"
	return condition
}
