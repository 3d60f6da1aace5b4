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
	// settle is how long the way to the file must be quiet after a change: writers make several at a time.
	settle = 100 * time.Millisecond
	// settleWithin is how long that is waited for at most.
	settleWithin = time.Second
	// lookEvery is for changes that the system does not tell of, as on a network's file system.
	lookEvery = 30 * time.Second
	// lookEveryUnwatched is for a way that cannot be watched: a good file still takes force within two seconds.
	lookEveryUnwatched = time.Second
)

// condition is the source's in readiness. The last good keys are always there, so it is always ready.
const (
	conditionName   = "keyset"
	conditionDetail = "the keyset file could not be read anew: the last good one is in force"
)

// Source is the ports.KeySource of a keyset file, and its ports.Health. Between Start and Stop, a good file takes force within two seconds
// of being in place; any other changes nothing, and is told.
type Source struct {
	path       string
	rules      Rules
	clock      ports.Clock
	events     ports.Events
	newWatcher func() watcher

	ring    atomic.Pointer[keys.Keyring]
	failing atomic.Bool

	stop    context.CancelFunc
	running sync.WaitGroup

	// What was told last, and has not ended since; only the goroutine that looks uses it.
	toldFault, toldWatch string
	toldNoSigner         bool
}

var (
	_ ports.KeySource = (*Source)(nil)
	_ ports.Health    = (*Source)(nil)
)

// NewSource makes a source of the file at path, with ring in force, which is what Read made of it. Until Start it changes nothing.
func NewSource(path string, rules Rules, ring *keys.Keyring, clock ports.Clock,
	events ports.Events) *Source {
	s := &Source{path: path, rules: rules, clock: clock, events: events, newWatcher: newNotifier}
	s.ring.Store(ring)
	return s
}

// Ring is ports.KeySource's.
func (s *Source) Keyring() *keys.Keyring { return s.ring.Load() }

// Condition is ports.Health's.
func (s *Source) Condition() ports.Condition {
	condition := ports.Condition{Name: conditionName, Ready: true}
	if s.failing.Load() {
		condition.Detail = conditionDetail
	}
	return condition
}

// Start watches the file until Stop. It never fails: without notifications to be had, it looks more often. The end of ctx is not the
// watch's.
func (s *Source) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
}

// Stop ends the watch; what is in force stays. It waits for a look that is under way.
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
		pause := lookEvery
		// First the watch and then the look: what changes after the look is told.
		if !s.follow(ctx, watcher) {
			pause = lookEveryUnwatched
		}
		s.look(ctx)
		s.tellOfSigner(ctx)
		if !wait(ctx, watcher.news(), min(pause, s.untilChange())) {
			return
		}
	}
}

// wait returns when the file is to be looked at again: some time after the first news, or when the pause is over. It is false where ctx
// ended instead.
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

// follow tells whether the whole way to the file is watched.
func (s *Source) follow(ctx context.Context, watcher watcher) bool {
	err := watcher.follow(s.path)
	if err == nil {
		s.toldWatch = ""
		return true
	}
	if text := err.Error(); text != s.toldWatch {
		s.toldWatch = text
		s.events.Record(ctx, ports.KeysWatchFailed{Cause: err})
	}
	return false
}

// look reads the file. Keys that are in force already are not judged again: time alone may have made them worse, and nothing better is there.
func (s *Source) look(ctx context.Context) {
	ring, faults := load(s.path, s.rules.Production)
	known := ring != nil && same(ring, s.Keyring())
	if ring != nil && !known {
		faults = s.rules.judge(ring, s.clock.Now(), faults)
	}
	if faults != nil {
		s.failing.Store(true)
		if text := faults.Error(); text != s.toldFault {
			s.toldFault = text
			s.events.Record(ctx, ports.KeysReloadFailed{Cause: faults})
		}
		return
	}
	if known && s.toldFault == "" {
		return
	}
	s.ring.Store(ring)
	s.failing.Store(false)
	s.toldFault = ""
	s.events.Record(ctx, ports.KeysReloaded{Keyring: ring})
}

// tellOfSigner tells that no key may sign, and that one may again, once each.
func (s *Source) tellOfSigner(ctx context.Context) {
	_, signs := s.Keyring().SignerAt(s.clock.Now())
	switch {
	case !signs && !s.toldNoSigner:
		s.events.Record(ctx, ports.SignerMissing{})
	case signs && s.toldNoSigner:
		s.events.Record(ctx, ports.SignerFound{})
	}
	s.toldNoSigner = !signs
}

// untilChange is how long the keys in force stay what they are, as far as signing goes, or longer than anybody waits; but not so short that a clock which
// differs from the timers' makes a hurry of it.
func (s *Source) untilChange() time.Duration {
	ring, now, until := s.Keyring(), s.clock.Now(), lookEvery
	if from, waits := ring.NextSignerFrom(now); waits {
		until = min(until, from.Sub(now))
	}
	if signer, signs := ring.SignerAt(now); signs && !signer.Plan().VerifyUntil.IsZero() {
		until = min(until, signer.Plan().VerifyUntil.Sub(now))
	}
	return max(until, settle)
}
