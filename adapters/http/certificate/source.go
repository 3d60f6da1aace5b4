package certificate

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/adapters/system/follow"
	"github.com/offload/sessiond/ports"
)

// Source provides the certificate of two files that may change. Between Start and Stop it follows
// them: a valid pair takes effect within the times of package follow; any other pair changes
// nothing and is reported.
type Source struct {
	files    Files
	clock    ports.Clock
	current  atomic.Pointer[Certificate]
	follower *follow.Follower[*Certificate]
}

// NewSource returns a source for files that starts with current, which Read returned for them.
// Until Start is called it changes nothing.
func NewSource(files Files, current *Certificate, clock ports.Clock, events ports.Events) *Source {
	return newSource(files, current, clock, events, nil)
}

// newSource is NewSource with the watcher of the files; nil selects the system's.
func newSource(files Files, current *Certificate, clock ports.Clock, events ports.Events,
	newWatcher func() follow.Watcher) *Source {
	s := &Source{files: files, clock: clock}
	s.current.Store(current)
	s.follower = follow.New(follow.Target[*Certificate]{
		Paths: []string{files.Chain, files.Key}, Look: s.look, Current: s.current.Load,
		Same:    (*Certificate).same,
		Replace: s.replace,
		Events:  events, Material: ports.MaterialTLS,
		// A renewal replaces the two files one after the other.
		Tolerance: follow.Interval, NewWatcher: newWatcher,
	})
	return s
}

// Current returns the certificate in force.
func (s *Source) Current() *tls.Certificate { return s.current.Load().TLS() }

// Ends returns the last time at which the certificate in force is valid.
func (s *Source) Ends() time.Time { return s.current.Load().Ends() }

// Refresh requests a look at the files, at most once a second. It returns at once and is safe for
// concurrent use.
func (s *Source) Refresh() { s.follower.Request() }

// Start follows the files until Stop is called. The end of ctx does not stop it.
func (s *Source) Start(ctx context.Context) { s.follower.Start(ctx) }

// Stop ends what Start began. The certificate in force stays.
func (s *Source) Stop() { s.follower.Stop() }

// look reads the files. If they hold the certificate in force, it is accepted without a trial, even
// if it has expired: there is no better one.
func (s *Source) look() (*Certificate, error) {
	found, err := read(s.files)
	switch {
	case err != nil:
		return nil, err
	case found.same(s.current.Load()):
		return found, nil
	case !found.serves():
		return nil, Faults{unusable()}
	case !found.ValidAt(s.clock.Now()):
		return nil, Faults{ended()}
	}
	return found, nil
}

// replace puts a certificate in force.
func (s *Source) replace(found *Certificate) ports.Content {
	s.current.Store(found)
	return ports.TLSContent{Names: found.Names(), Ends: found.Ends()}
}
