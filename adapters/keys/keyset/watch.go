package keyset

import (
	"context"
	"crypto/sha256"
	"sync/atomic"

	"github.com/offload/sessiond/adapters/system/follow"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// The texts of the source's condition in readiness. It is always ready, because the last valid keys
// stay in force.
const (
	conditionName   = "keyset"
	conditionDetail = "the keyset file could not be reloaded: the last good one is in force"
)

// Source implements ports.KeyRefresher and ports.Health for a keyset file. Between Start and Stop
// it follows the file: valid content is put in force within the times of package follow; invalid
// content changes nothing and is reported. It is safe for concurrent use, except for Start and
// Stop.
type Source struct {
	path   string
	rules  Rules
	clock  ports.Clock
	events ports.Events

	keyring  atomic.Pointer[keys.Keyring]
	parsed   atomic.Pointer[parsed] // the last valid content of the file
	follower *follow.Follower[*keys.Keyring]
	signer   signerWatch
}

// parsed is the digest of a file's content, the keyring parsed from it, and the version of the
// lists with which the keyring was accepted.
type parsed struct {
	digest  [sha256.Size]byte
	lists   string
	keyring *keys.Keyring
}

var (
	_ ports.KeyRefresher = (*Source)(nil)
	_ ports.Health       = (*Source)(nil)
)

// NewSource returns a source of the file at path. keyring, the result of Read, is in force at
// first. The source does nothing before Start.
func NewSource(path string, rules Rules, keyring *keys.Keyring, clock ports.Clock,
	events ports.Events) *Source {
	return newSource(path, rules, keyring, clock, events, nil)
}

// newSource implements NewSource. newWatcher returns the watcher of the file; nil selects the
// system's.
func newSource(path string, rules Rules, keyring *keys.Keyring, clock ports.Clock,
	events ports.Events, newWatcher func() follow.Watcher) *Source {
	s := &Source{path: path, rules: rules, clock: clock, events: events}
	s.keyring.Store(keyring)
	// Without a version of the lists: the first look judges the keys by the lists as they are then.
	s.parsed.Store(&parsed{keyring: keyring})
	s.signer = signerWatch{source: s, changed: make(chan struct{}, 1)}
	s.follower = follow.New(follow.Target[*keys.Keyring]{
		Paths: []string{path}, Also: rules.Lists,
		Look: s.look, Current: s.Keyring, Same: equal, Replace: s.replace,
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

// Start begins to follow the file, until Stop. The end of ctx does not stop it.
func (s *Source) Start(ctx context.Context) {
	s.reportEarlyEnds(ctx)
	s.follower.Start(ctx)
	s.signer.start(ctx)
}

// Stop stops following the file; the keyring stays in force.
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

// look implements follow.Target.Look. Keys that are in force already are checked with Rules.Accept
// again only if the lists have changed. They are not checked against the other rules again: they
// can fail only because time has passed, and no better keys would replace them.
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

// replace implements follow.Target.Replace.
func (s *Source) replace(keyring *keys.Keyring) ports.Content {
	s.keyring.Store(keyring)
	return ports.KeysContent{Keyring: keyring}
}
