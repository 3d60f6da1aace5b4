// Package publish publishes the keys that other services need to verify sessions. It imports domain
// and ports.
package publish

import (
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Service implements ports.Publication.
type Service struct {
	keys  ports.KeySource
	clock ports.Clock
}

// New returns a service that publishes the keys in force.
func New(keys ports.KeySource, clock ports.Clock) *Service {
	return &Service{keys: keys, clock: clock}
}

// PublicSet implements ports.Publication.
func (s *Service) PublicSet() string { return keys.FormatPublic(s.keys.Keyring(), s.clock.Now()) }
