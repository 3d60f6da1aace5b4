package keyset

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// When the file is read.
const (
	// settle is how long the path must be quiet after a change: writers make several at a time.
	settle = 100 * time.Millisecond
	// settleWithin is the longest wait for that.
	settleWithin = time.Second
	// pollInterval is for changes that the system does not report, for example on a network file
	// system.
	pollInterval = 30 * time.Second
	// pollIntervalUnwatched is for a path that cannot be watched: a valid file still takes effect
	// within two seconds.
	pollIntervalUnwatched = time.Second
)

// The source's condition in readiness. The last good keys are always in force, so it is always
// ready.
const (
	conditionName   = "keyset"
	conditionDetail = "the keyset file could not be read anew: the last good one is in force"
)

// Source is the ports.KeySource of a keyset file, and its ports.Health. Between Start and Stop, a
// valid file takes effect within two seconds of being in place; any other file changes nothing and
// is reported.
type Source struct {
	path       string
	rules      Rules
	clock      ports.Clock
	events     ports.Events
	newWatcher func() watcher

	keyring atomic.Pointer[keys.Keyring]
	failing atomic.Bool

	stop    context.CancelFunc
	running sync.WaitGroup

	// What was reported last and has not ended since; only the polling goroutine uses them.
	reportedFault, reportedWatch string
	reportedNoSigner             bool
}

var (
	_ ports.KeySource = (*Source)(nil)
	_ ports.Health    = (*Source)(nil)
)

// NewSource returns a source for the file at path, with keyring in force, which Read returned for
// it. It changes nothing until Start.
func NewSource(path string, rules Rules, keyring *keys.Keyring, clock ports.Clock,
	events ports.Events) *Source {
	s := &Source{path: path, rules: rules, clock: clock, events: events, newWatcher: newNotifier}
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

// Start watches the file until Stop. It never fails: without notifications, it reads the file more
// often. The end of ctx does not end the watch.
func (s *Source) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the watch; the keys stay in force. It waits for a read in progress.
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
		pause := pollInterval
		// First the watch and then the read: changes after the read are notified.
		if !s.follow(ctx, watcher) {
			pause = pollIntervalUnwatched
		}
		s.check(ctx)
		s.reportSigner(ctx)
		if !wait(ctx, watcher.news(), min(pause, s.untilChange())) {
			return
		}
	}
}

// wait returns when the file must be read again: some time after the first notification, or when
// the pause is over. It returns false if ctx ended instead.
func wait(ctx context.Context, news <-chan struct{}, pause time.Duration) bool {
	next := time.NewTimer(pause)
	defer next.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-next.C:
		return true
	case <-news:
	}
	quiet := time.NewTimer(settle)
	defer quiet.Stop()
	next.Reset(settleWithin)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next.C:
			return true
		case <-quiet.C:
			return true
		case <-news:
			quiet.Reset(settle)
		}
	}
}

// follow reports whether the whole path to the file is watched.
func (s *Source) follow(ctx context.Context, watcher watcher) bool {
	err := watcher.follow(s.path)
	if err == nil {
		s.reportedWatch = ""
		return true
	}
	if text := err.Error(); text != s.reportedWatch {
		s.reportedWatch = text
		s.events.Record(ctx, ports.KeysWatchFailed{Cause: err})
	}
	return false
}

// check reads the file. Keys that are already in force are not judged again: only time can have
// made them worse, and there is nothing better.
func (s *Source) check(ctx context.Context) {
	keyring, faults := load(s.path, s.rules.Production)
	known := keyring != nil && same(keyring, s.Keyring())
	if keyring != nil && !known {
		faults = s.rules.judge(keyring, s.clock.Now(), faults)
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

// reportSigner reports that no key can sign, and that one can again, once each.
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

// untilChange returns how long the signing key stays the same, or longer than anything waits; but
// never so short that a difference between this clock and the timers' causes a busy loop.
func (s *Source) untilChange() time.Duration {
	keyring, now, until := s.Keyring(), s.clock.Now(), pollInterval
	if from, waits := keyring.NextSignerFrom(now); waits {
		until = min(until, from.Sub(now))
	}
	if signer, signs := keyring.SignerAt(now); signs && !signer.Plan().VerifyUntil.IsZero() {
		until = min(until, signer.Plan().VerifyUntil.Sub(now))
	}
	return max(until, settle)
}
