package console

import (
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// freshFor is how long a rendered text is used for further requests.
const freshFor = time.Second

// shared is a text that is rendered on request, at most once in freshFor. All requests share the
// same bytes.
type shared struct {
	render func() ([]byte, error)

	mu   sync.Mutex
	text []byte // nil at first
	at   throttle.Instant
}

// get returns the text at now. Callers that come while it is being rendered wait for it.
func (s *shared) get(now throttle.Instant) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != nil && s.at.Until(now) < freshFor {
		return s.text, nil
	}
	text, err := s.render()
	if err != nil {
		return nil, err
	}
	s.text, s.at = text, now
	return text, nil
}
