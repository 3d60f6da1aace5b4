// Package publish tells verifiers elsewhere the keys that they need. It imports domain and ports.
package publish

import (
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Service is ports.Publication.
type Service struct {
	keys  ports.KeySource
	clock ports.Clock
}

// New makes a service that publishes what is in force.
func New(keys ports.KeySource, clock ports.Clock) *Service {
	return &Service{keys: keys, clock: clock}
}

// PublicSet is ports.Publication's.
func (s *Service) PublicSet() string { return keys.FormatPublic(s.keys.Keyring(), s.clock.Now()) }
