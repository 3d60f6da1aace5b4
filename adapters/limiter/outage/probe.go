package outage

import (
	"context"
	"errors"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// The pace and the bounds of probes.
const (
	// During an outage a probe is sent after each pause, drawn uniformly between minPause and
	// maxPause so that replicas spread out.
	minPause = 250 * time.Millisecond
	maxPause = 500 * time.Millisecond
	// firstProbeTimeout applies to the probe at the start, whatever the configured timeout: the
	// first probe may have to establish a connection, and no client is being served yet.
	firstProbeTimeout = time.Second
	// maxProbes bounds the probes that stay in progress past their deadlines, in a storage that
	// ignores its context.
	maxProbes = 8
)

// The errors of a probe that failed although the storage returned no error.
var (
	errNoGrant = errors.New("nothing was granted")
	errStuck   = errors.New("earlier probes were never answered")
)

// Start probes the shared storage once and waits for the answer, at most a second: if the storage
// is absent, the service begins with an outage and no caller has to wait to find out. Start then
// watches for failures and for recovery in the background, until Stop. The end of ctx ends only the
// wait.
func (s *Storage) Start(ctx context.Context) {
	first := s.period.Load()
	if err := s.probe(ctx, newPulse(firstProbeTimeout)); err != nil && ctx.Err() == nil {
		s.startOutage(first, err)
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the background watch. The state stays as it is, and no more events are recorded: a
// storage that is being closed fails, which is no outage. Calls in progress end by their deadlines.
func (s *Storage) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
}

// run probes after each pause while the shared storage is out, and at once after a failure below
// the threshold, so that few callers wait before an outage is detected, however rarely they come.
func (s *Storage) run(ctx context.Context) {
	for {
		during := s.period.Load()
		if !during.out() {
			select {
			case <-ctx.Done():
				return
			case <-during.over:
			case <-s.suspect:
				if err := s.probe(ctx, s.pulse); ctx.Err() == nil {
					s.record(during, err)
				}
			}
			continue
		}
		if !pause(ctx, minPause+time.Duration(
			s.parts.Entropy.Fraction()*float64(maxPause-minPause))) {
			return
		}
		if s.probe(ctx, s.pulse) == nil {
			s.endOutage(during)
		}
	}
}

// pause waits for d. It returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// probe has the shared storage make a decision that writes, because a storage that is full or
// read-only still answers reads. It returns an error unless the storage grants the checks within
// the timeout of the pulse. The checks are those of a new session, on random subjects, so that in a
// cluster successive probes reach different nodes.
func (s *Storage) probe(ctx context.Context, by *pulse) error {
	select {
	case s.probes <- struct{}{}:
	default:
		return errStuck
	}
	checks := throttle.TrialChecks(s.parts.Entropy.Fraction)
	c := s.begin(ctx, nil, by, s.parts.Clock.Instant(), checks)
	select {
	case <-c.ready:
	case <-ctx.Done():
		c.abandon()
		return ctx.Err()
	}
	if c.result.err == nil && (!c.result.decision.Decided() || c.result.decision.Refused()) {
		return errNoGrant
	}
	return c.result.err
}
