package keyset

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// When the file is looked at.
const (
	// quietPeriod is how long there must be no change on the path before the file is read: writers
	// make several changes at a time.
	quietPeriod = 100 * time.Millisecond
	// maxQuietWait is the longest wait for a quiet period.
	maxQuietWait = time.Second
	// pollInterval is for changes that the system does not report, as on a network file system.
	pollInterval = 30 * time.Second
	// pollIntervalUnwatched is for a path that cannot be watched: a good file is still in force
	// within two seconds.
	pollIntervalUnwatched = time.Second
)

// The source's condition in readiness. The last good keys are always there, so it is always ready.
const (
	conditionName   = "keyset"
	conditionDetail = "the keyset file could not be reloaded: the last good one is in force"
)

// Source is the ports.KeySource of a keyset file, and its ports.Health. Between Start and Stop, a
// good file is in force within two seconds of being in place; a bad file changes nothing, and is
// reported.
type Source struct {
	path       string
	rules      Rules
	clock      ports.Clock
	events     ports.Events
	newWatcher func() watcher
	// pollInterval is the constant, except in tests.
	pollInterval time.Duration

	keyring atomic.Pointer[keys.Keyring]
	failing atomic.Bool

	stop    context.CancelFunc
	running sync.WaitGroup

	// What was reported last and is still the case; only the goroutine of run uses it.
	reportedFault, reportedWatchFailure string
	reportedNoSigner                    bool
}

var (
	_ ports.KeySource = (*Source)(nil)
	_ ports.Health    = (*Source)(nil)
)

// NewSource returns a source of the file at path, with keyring in force, which is the result of
// Read. Until Start, nothing changes.
func NewSource(path string, rules Rules, keyring *keys.Keyring, clock ports.Clock,
	events ports.Events) *Source {
	s := &Source{path: path, rules: rules, clock: clock, events: events, newWatcher: newNotifier,
		pollInterval: pollInterval}
	s.keyring.Store(keyring)
	return s
}

// Keyring implements ports.KeySource.
func (s *Source) Keyring() *keys.Keyring { return s.keyring.Load() }

// Condition implements ports.Health.
func (s *Source) Condition() ports.Condition {
	condition := ports.Condition{Name: conditionName, Ready: true}
	if s.failing.Load() {
		condition.Detail = conditionDetail
	}
	return condition
}

// Start watches the file until Stop. It never fails: if notifications are not available, it polls
// more often. The watch does not end with ctx.
func (s *Source) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the watch; the keyring stays in force. It waits for a check that is in progress.
func (s *Source) Stop() {
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
}

func (s *Source) run(ctx context.Context) {
	watcher := s.newWatcher()
	defer watcher.close()
	for {
		pause := s.pollInterval
		// The watch comes before the check: what changes after the check is reported.
		if !s.watch(ctx, watcher) {
			pause = pollIntervalUnwatched
		}
		s.check(ctx)
		s.reportSigner(ctx)
		if !wait(ctx, watcher.changes(), min(pause, s.untilSignerChange())) {
			return
		}
	}
}

// wait returns when the file must be checked again: a quiet period after the first change, or when
// pause is over. It returns false if ctx ended instead.
func wait(ctx context.Context, changes <-chan struct{}, pause time.Duration) bool {
	next := time.NewTimer(pause)
	defer next.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-next.C:
		return true
	case <-changes:
	}
	quiet := time.NewTimer(quietPeriod)
	defer quiet.Stop()
	next.Reset(maxQuietWait)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next.C:
			return true
		case <-quiet.C:
			return true
		case <-changes:
			quiet.Reset(quietPeriod)
		}
	}
}

// watch reports whether the complete path to the file is watched.
func (s *Source) watch(ctx context.Context, watcher watcher) bool {
	err := watcher.watch(s.path)
	if err == nil {
		s.reportedWatchFailure = ""
		return true
	}
	if text := err.Error(); text != s.reportedWatchFailure {
		s.reportedWatchFailure = text
		s.events.Record(ctx, ports.KeysWatchFailed{Cause: err})
	}
	return false
}

// check reads the file. Keys that are in force already are not checked against the rules again:
// they may fail only because time has passed, and there is nothing better to replace them.
func (s *Source) check(ctx context.Context) {
	keyring, faults := load(s.path, s.rules.Production)
	known := keyring != nil && equal(keyring, s.Keyring())
	if keyring != nil && !known {
		faults = s.rules.evaluate(keyring, s.clock.Now(), faults)
	}
	if faults != nil {
		s.failing.Store(true)
		if text := faults.Error(); text != s.reportedFault {
			s.reportedFault = text
			s.events.Record(ctx, ports.KeysReloadFailed{Cause: faults})
		}
		return
	}
	if known && s.reportedFault == "" {
		return
	}
	s.keyring.Store(keyring)
	s.failing.Store(false)
	s.reportedFault = ""
	s.events.Record(ctx, ports.KeysReloaded{Keyring: keyring})
}

// reportSigner reports once that no key may sign, and once that one may again.
func (s *Source) reportSigner(ctx context.Context) {
	_, signs := s.Keyring().SignerAt(s.clock.Now())
	switch {
	case !signs && !s.reportedNoSigner:
		s.events.Record(ctx, ports.SignerMissing{})
	case signs && s.reportedNoSigner:
		s.events.Record(ctx, ports.SignerFound{})
	}
	s.reportedNoSigner = !signs
}

// untilSignerChange returns how long the signer in force stays the same, at most the poll interval.
// It is at least a quiet period, so that a clock that differs from the timers' clock does not cause
// a busy loop.
func (s *Source) untilSignerChange() time.Duration {
	keyring, now, until := s.Keyring(), s.clock.Now(), s.pollInterval
	if from, waits := keyring.NextSignerFrom(now); waits {
		until = min(until, from.Sub(now))
	}
	if signer, signs := keyring.SignerAt(now); signs && !signer.Plan().VerifyUntil.IsZero() {
		until = min(until, signer.Plan().VerifyUntil.Sub(now))
	}
	return max(until, quietPeriod)
}
