// Package publish publishes the keys that other services need to verify sessions. It imports domain
// and ports.
package publish

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Service implements ports.Publication.
type Service struct {
	keys  ports.KeySource
	clock ports.Clock

	building sync.Mutex // held while a set is built, so that concurrent callers build it once
	built    atomic.Pointer[published]
}

// published is the set that was built last.
type published struct {
	keyring *keys.Keyring // whose set it is
	during  keys.Span     // when it is the set of keyring
	set     string
}

// New returns a service that publishes the keys in force.
func New(keys ports.KeySource, clock ports.Clock) *Service {
	return &Service{keys: keys, clock: clock}
}

// PublicSet implements ports.Publication. It builds the set once for each keyring and change of
// state, because a set of many keys takes most of a millisecond to build.
func (s *Service) PublicSet() string {
	keyring, now := s.keys.Keyring(), s.clock.Now()
	if built := s.built.Load(); built.holds(keyring, now) {
		return built.set
	}
	s.building.Lock()
	defer s.building.Unlock()
	if built := s.built.Load(); built.holds(keyring, now) {
		return built.set
	}
	set, during := keys.Published(keyring, now)
	s.built.Store(&published{keyring: keyring, during: during, set: set})
	return set
}

// holds reports whether p is the set of keyring at now. A keyring is immutable, so the same pointer
// means the same keys.
func (p *published) holds(keyring *keys.Keyring, now time.Time) bool {
	return p != nil && p.keyring == keyring && p.during.Contains(now)
}
