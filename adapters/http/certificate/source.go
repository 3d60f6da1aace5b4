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

// checkInterval is how often the files are read. Reading two small files costs next to nothing, and
// with polling it does not matter how they are replaced: through links, by renaming, or on a
// network file system.
const checkInterval = 2 * time.Second

// Source provides the certificate of two files that may change. Between Start and Stop, a valid
// pair takes effect within checkInterval of being in place. Any other pair changes nothing and is
// logged.
type Source struct {
	files  Files
	clock  ports.Clock
	logger *slog.Logger

	current atomic.Pointer[Certificate]
	stop    context.CancelFunc
	running sync.WaitGroup

	// seen is the fault that the last check found, logged the one that was last logged and still
	// persists. Only the checking goroutine uses them.
	seen, logged string
}

// NewSource returns a source for files that starts with current, which Read returned for them.
// Until Start is called it changes nothing.
func NewSource(files Files, current *Certificate, clock ports.Clock, logger *slog.Logger) *Source {
	s := &Source{files: files, clock: clock, logger: logger}
	s.current.Store(current)
	return s
}

// Current returns the certificate in force.
func (s *Source) Current() *tls.Certificate { return s.current.Load().TLS() }

// Start checks the files periodically until Stop is called. The end of ctx does not stop it.
func (s *Source) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop stops the checks. The certificate in force stays.
func (s *Source) Stop() {
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
}

func (s *Source) run(ctx context.Context) {
	next := time.NewTicker(checkInterval)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			s.check(ctx)
		}
	}
}

// check reads the files. A fault is logged if two consecutive checks find it: while two files are
// being replaced, they do not match for a moment.
func (s *Source) check(ctx context.Context) {
	found, err := read(s.files)
	known := err == nil && found.same(s.current.Load())
	// The certificate in force is not tried again: there is no better one.
	if err == nil && !known {
		switch {
		case !found.serves():
			err = Faults{unusable()}
		case !found.ValidAt(s.clock.Now()):
			err = Faults{ended()}
		}
	}
	if err != nil {
		text := err.Error()
		if text == s.seen && text != s.logged {
			s.logged = text
			s.logger.LogAttrs(ctx, slog.LevelError, "tls_reload_failed", slog.String("cause", text))
		}
		s.seen = text
		return
	}
	s.seen = ""
	if known && s.logged == "" {
		return
	}
	s.logged = ""
	s.current.Store(found)
	s.logger.LogAttrs(ctx, slog.LevelInfo, "tls_reloaded", slog.Any("names", found.Names()),
		slog.Time("ends", found.Ends()))
}
