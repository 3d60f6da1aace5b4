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

// lookEvery is how often the files are read. Reading two small files costs next to nothing, and
// makes it irrelevant how they are replaced: through links, by renaming, on a network file system.
const lookEvery = 2 * time.Second

// Source is the certificate of two files as they change. Between Start and Stop, a valid pair takes
// effect within lookEvery of being in place; any other pair changes nothing and is logged.
type Source struct {
	files  Files
	clock  ports.Clock
	logger *slog.Logger

	current atomic.Pointer[Certificate]
	stop    context.CancelFunc
	running sync.WaitGroup

	// seen is the fault of the last poll, told the one that was last logged and has not ended
	// since; only the polling goroutine uses them.
	seen, told string
}

// NewSource returns a source of files, with current in force, which Read returned for them. It
// changes nothing until Start.
func NewSource(files Files, current *Certificate, clock ports.Clock, logger *slog.Logger) *Source {
	s := &Source{files: files, clock: clock, logger: logger}
	s.current.Store(current)
	return s
}

// Current returns the certificate in force.
func (s *Source) Current() *tls.Certificate { return s.current.Load().TLS() }

// Start polls the files until Stop. The end of ctx does not end it.
func (s *Source) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the polling; the certificate stays in force.
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

// look reads the files. A fault is logged if two polls in a row find it: while two files are
// replaced, there is a moment in which they do not match.
func (s *Source) look(ctx context.Context) {
	found, err := read(s.files)
	known := err == nil && found.same(s.current.Load())
	// A certificate that is already in force is not judged again: there is nothing better.
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
