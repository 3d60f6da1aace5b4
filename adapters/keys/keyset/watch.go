package keyset

import (
	"context"
	"crypto/sha256"
	"sync/atomic"

	"github.com/offload/sessiond/adapters/system/follow"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// The source's condition in readiness. The last good keys are always there, so it is always ready.
const (
	conditionName   = "keyset"
	conditionDetail = "the keyset file could not be reloaded: the last good one is in force"
)

// Source is the ports.KeySource of a keyset file, and its ports.Health. Between Start and Stop it
// follows the file: a good one takes force within the times of package follow; a bad one changes
// nothing, and is reported.
type Source struct {
	path   string
	rules  Rules
	clock  ports.Clock
	events ports.Events

	keyring  atomic.Pointer[keys.Keyring]
	parsed   atomic.Pointer[parsed]
	follower *follow.Follower[*keys.Keyring]
	signer   signerWatch
}

// parsed is the digest of a text, the keyring that it holds, and the version of the lists by which
// that was accepted.
type parsed struct {
	digest  [sha256.Size]byte
	lists   string
	keyring *keys.Keyring
}

var (
	_ ports.KeyRefresher = (*Source)(nil)
	_ ports.Health       = (*Source)(nil)
)

// NewSource returns a source of the file at path, with keyring in force, which is the result of
// Read. Until Start, nothing changes.
func NewSource(path string, rules Rules, keyring *keys.Keyring, clock ports.Clock,
	events ports.Events) *Source {
	return newSource(path, rules, keyring, clock, events, nil)
}

// newSource is NewSource with the watcher of the file; nil selects the system's.
func newSource(path string, rules Rules, keyring *keys.Keyring, clock ports.Clock,
	events ports.Events, newWatcher func() follow.Watcher) *Source {
	s := &Source{path: path, rules: rules, clock: clock, events: events}
	s.keyring.Store(keyring)
	s.parsed.Store(&parsed{lists: rules.listsVersion(), keyring: keyring})
	s.signer = signerWatch{source: s, changed: make(chan struct{}, 1)}
	s.follower = follow.New(follow.Target[*keys.Keyring]{
		Paths: append([]string{path}, rules.Lists...), Look: s.look, Current: s.Keyring, Same: equal, Replace: s.replace,
		Events: reloadEvents{events, s}, Material: ports.MaterialKeys, NewWatcher: newWatcher,
	})
	return s
}

// Keyring implements ports.KeySource.
func (s *Source) Keyring() *keys.Keyring { return s.keyring.Load() }

// Refresh implements ports.KeyRefresher, at most once a second.
func (s *Source) Refresh() { s.follower.Request() }

// Condition implements ports.Health.
func (s *Source) Condition() ports.Condition {
	condition := ports.Condition{Name: conditionName, Ready: true}
	if s.follower.Failing() {
		condition.Detail = conditionDetail
	}
	return condition
}

// Start follows the file until Stop. It never fails, and does not end with ctx.
func (s *Source) Start(ctx context.Context) {
	s.reportEarlyEnds(ctx)
	s.follower.Start(ctx)
	s.signer.start(ctx)
}

// Stop ends what Start began; the keyring stays in force.
func (s *Source) Stop() {
	s.follower.Stop()
	s.signer.stop()
}

// reportEarlyEnds reports the keys in force that end too early.
func (s *Source) reportEarlyEnds(ctx context.Context) {
	if s.rules.Retention == (keys.Retention{}) {
		return
	}
	if early := s.Keyring().EarlyEnds(s.rules.Retention, s.clock.Now()); len(early) > 0 {
		s.events.Record(ctx, ports.KeysEndEarly{Keys: early})
	}
}

// look reads the file. Keys that are in force already are accepted again only if the lists have
// changed. They are not checked against the other rules: they may fail only because time has passed,
// and there is nothing better to replace them.
func (s *Source) look() (*keys.Keyring, error) {
	file, faults := readFile(s.path, s.rules.Production)
	if file == nil {
		return nil, faults
	}
	current, digest, lists := s.Keyring(), sha256.Sum256(file.Content), s.rules.listsVersion()
	known := s.parsed.Load()
	accepted := known.keyring == current && known.lists == lists
	if faults == nil && accepted && known.digest == digest {
		return current, nil
	}
	read, fault := parse(file.Content)
	if fault != nil {
		faults = append(faults, fault)
	}
	keyring := read.keyring
	switch {
	case keyring == nil || !equal(keyring, current):
		faults = s.rules.evaluate(read, s.clock.Now(), faults)
	case !accepted:
		faults = s.rules.accept(read.placed, faults)
		keyring = current
	default:
		keyring = current
	}
	if faults != nil {
		return nil, faults
	}
	s.parsed.Store(&parsed{digest, lists, keyring})
	return keyring, nil
}

// replace puts a keyring in force.
func (s *Source) replace(keyring *keys.Keyring) ports.Content {
	s.keyring.Store(keyring)
	return ports.KeysContent{Keyring: keyring}
}
