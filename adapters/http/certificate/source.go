package certificate

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/ports"
)

// lookEvery is how often the files are read. To read two small files costs next to nothing, and so nothing of how they are replaced matters: through links,
// by renaming, on a network's file system.
const lookEvery = 2 * time.Second

// Source is the certificate of two files as they change. Between Start and Stop, a sound pair takes force within lookEvery of being in place; any other
// changes nothing, and is told.
type Source struct {
	files  Files
	clock  ports.Clock
	logger *slog.Logger

	current atomic.Pointer[Certificate]
	stop    context.CancelFunc
	running sync.WaitGroup

	// seen is the fault of the last look, told the one that was told last and has not ended since; only the goroutine that looks uses them.
	seen, told string
}

// NewSource makes a source of files, with current in force, which is what Read made of them. Until Start it changes nothing.
func NewSource(files Files, current *Certificate, clock ports.Clock, logger *slog.Logger) *Source {
	s := &Source{files: files, clock: clock, logger: logger}
	s.current.Store(current)
	return s
}

// Current is the certificate in force.
func (s *Source) Current() *tls.Certificate { return s.current.Load().TLS() }

// Start looks at the files until Stop. The end of ctx is not the source's.
func (s *Source) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the looking; what is in force stays.
func (s *Source) Stop() {
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
}

func (s *Source) run(ctx context.Context) {
	next := time.NewTicker(lookEvery)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			s.look(ctx)
		}
	}
}

// look reads the files. A fault is told when it is there at two looks in a row: whoever replaces two files has a moment in which they do not fit.
func (s *Source) look(ctx context.Context) {
	found, err := read(s.files)
	known := err == nil && found.same(s.current.Load())
	// A certificate that is in force already is not judged again: nothing better is there.
	if err == nil && !known {
		switch {
		case !found.serves():
			err = Faults{{Chain, Unusable}}
		case !found.ValidAt(s.clock.Now()):
			err = Faults{{Chain, Ended}}
		}
	}
	if err != nil {
		text := err.Error()
		if text == s.seen && text != s.told {
			s.told = text
			s.logger.LogAttrs(ctx, slog.LevelError, "tls_reload_failed", slog.String("cause", text))
		}
		s.seen = text
		return
	}
	s.seen = ""
	if known && s.told == "" {
		return
	}
	s.told = ""
	s.current.Store(found)
	s.logger.LogAttrs(ctx, slog.LevelInfo, "tls_reloaded", slog.Any("names", found.Names()),
		slog.Time("ends", found.Ends()))
}
