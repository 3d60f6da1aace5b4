// Package readiness reports whether this replica can serve. It can if it is neither starting nor
// stopping, if a key could sign at some time since it started, and if every other part is ready.
// The package imports domain and ports.
package readiness

import (
	"sync/atomic"

	"github.com/offload/sessiond/ports"
)

// The names of the conditions that are always reported.
const (
	conditionService = "service"
	conditionKeys    = "keys"
)

// The stages of the service's life.
const (
	starting int32 = iota
	serving
	stopping
)

// Service implements ports.Readiness.
type Service struct {
	keys  ports.KeySource
	clock ports.Clock
	parts []ports.Health
	stage atomic.Int32
	// couldSign is set once a key may sign. From then on a missing signing key is only a detail of
	// the condition and does not fail readiness: to take every replica out of service would stop
	// verification as well.
	couldSign atomic.Bool
}

// New returns the readiness of a service that is starting. parts are the other parts that can fail.
func New(keys ports.KeySource, clock ports.Clock, parts ...ports.Health) *Service {
	return &Service{keys: keys, clock: clock, parts: parts}
}

// Started records that the service is serving. It also checks for a signing key, which may have
// expired by the time of the first readiness probe.
func (s *Service) Started() {
	s.stage.Store(serving)
	s.checkSigner()
}

// Stopping records that the service is stopping.
func (s *Service) Stopping() { s.stage.Store(stopping) }

// Conditions implements ports.Readiness.
func (s *Service) Conditions() []ports.Condition {
	conditions := []ports.Condition{s.service(), s.checkSigner()}
	for _, part := range s.parts {
		conditions = append(conditions, part.Condition())
	}
	return conditions
}

// service returns the condition of the stage.
func (s *Service) service() ports.Condition {
	condition := ports.Condition{Name: conditionService}
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

// checkSigner returns the condition of the keys, and sets couldSign if a key may sign.
func (s *Service) checkSigner() ports.Condition {
	condition := ports.Condition{Name: conditionKeys, Ready: true}
	if _, ok := s.keys.Keyring().SignerAt(s.clock.Now()); ok {
		s.couldSign.Store(true)
		return condition
	}
	condition.Ready = s.couldSign.Load()
	condition.Detail = "no key may sign now"
	return condition
}
