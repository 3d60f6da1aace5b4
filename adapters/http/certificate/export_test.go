package certificate

import (
	"github.com/offload/sessiond/adapters/system/follow"
	"github.com/offload/sessiond/ports"
)

// silent is a watcher that never reports a change, as for files on a network file system.
type silent struct{}

func (silent) Watch(...string) error    { return nil }
func (silent) Changes() <-chan struct{} { return nil }
func (silent) Close()                   {}

// NewSilentSource returns a source that no change is reported to, for tests that move the clock.
func NewSilentSource(files Files, current *Certificate, clock ports.Clock,
	events ports.Events) *Source {
	return newSource(files, current, clock, events, func() follow.Watcher { return silent{} })
}
