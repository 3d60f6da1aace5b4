package outage

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// How the shared storage is probed.
const (
	// During an outage a probe is sent after each pause, drawn evenly between these two so that replicas spread.
	leastPause = 250 * time.Millisecond
	mostPause  = 500 * time.Millisecond
	// firstWithin is for the probe at the start, whatever the timeout: it may find that a connection has to come about first, and nobody is served meanwhile.
	firstWithin = time.Second
	// maxProbes bounds the probes that a storage keeps beyond their deadlines, where it does not look at its context.
	maxProbes = 8
	// window is how long a probe's grants stay with the shared storage.
	window = time.Second
)

// What a probe comes to where the storage answered no error.
var (
	errNoGrant = errors.New("nothing was granted")
	errStuck   = errors.New("earlier probes were never answered")
)

// Start asks the shared storage once and waits for the answer, a second at the longest: where it is absent, the service begins with
// an outage and no caller finds out. It then watches for failures and for recovery until Stop. The end of ctx ends the wait alone.
func (s *Storage) Start(ctx context.Context) {
	first := s.period.Load()
	if err := s.probe(ctx, firstWithin); err != nil && ctx.Err() == nil {
		s.giveUp(first, err)
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the watch; the state stays as it is, and nothing is told of it any more: a storage that is being closed fails, which is no outage.
// Asks under way end by their deadlines.
func (s *Storage) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
}

// run probes after each pause while the shared storage is out, and at once where a failure left doubt: so that it costs few callers to find
// out, however seldom they come.
func (s *Storage) run(ctx context.Context) {
	for {
		during := s.period.Load()
		if !during.out() {
			select {
			case <-ctx.Done():
				return
			case <-during.over:
			case <-s.doubt:
				if err := s.probe(ctx, s.parts.Timeout); ctx.Err() == nil {
					s.judge(during, err)
				}
			}
			continue
		}
		if !pause(ctx, leastPause+time.Duration(
			s.parts.Entropy.Fraction()*float64(mostPause-leastPause))) {
			return
		}
		if s.probe(ctx, s.parts.Timeout) == nil {
			s.comeBack(during)
		}
	}
}

// pause is false where ctx ended first.
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

// probe has the shared storage make a decision that writes, for a storage that is full or read-only still answers a question. It asks as an
// issuance does, two subjects of which nobody heard before: of a cluster's nodes it is now these and now those.
func (s *Storage) probe(ctx context.Context, timeout time.Duration) error {
	select {
	case s.probes <- struct{}{}:
	default:
		return errStuck
	}
	asks := throttle.NewChecks(
		throttle.Check{Dimension: throttle.ByAddress, Subject: s.draw(), Limit: 1, Window: window},
		throttle.Check{Dimension: throttle.ByInstall, Subject: s.draw(), Limit: 1, Window: window})
	asked := s.ask(ctx, timeout, s.parts.Clock.Instant(), asks)
	defer asked.cancel()
	select {
	case <-asked.ended:
	case <-ctx.Done():
	}
	got := asked.outcome()
	if got.kept {
		go func() {
			<-asked.answered
			<-s.probes
		}()
		return got.err
	}
	<-s.probes
	if got.err == nil && (!got.decision.Decided() || got.decision.Refused()) {
		return errNoGrant
	}
	return got.err
}

// draw is a subject that is nobody's.
func (s *Storage) draw() throttle.Subject {
	var subject throttle.Subject
	binary.BigEndian.PutUint64(subject[:8], uint64(s.parts.Entropy.Fraction()*math.MaxInt64))
	binary.BigEndian.PutUint64(subject[8:], uint64(s.parts.Entropy.Fraction()*math.MaxInt64))
	return subject
}
