package redis

import (
	"context"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// UnderSuite returns a storage on the same connections, empty because of a prefix of its own, that
// decides by the instants of its callers.
//
// The suite's instants are nanoseconds. They start at 1000 s, so that the numbers of the script are
// exact, as nanoseconds since 1970 would not be; the script gets them unchanged. Keys expire by the
// server's real clock, which the suite does not control, so they live ten minutes longer than their
// window.
func (s *Storage) UnderSuite(prefix string) *Storage {
	return s.by(prefix, clock{name: "caller", unit: time.Nanosecond, life: 10 * time.Minute})
}

// UnderServersClock returns a storage with a prefix of its own that takes the callers' instants for
// those of the server's clock, which may be stepped back.
func (s *Storage) UnderServersClock(prefix string) *Storage {
	return s.by(prefix, clock{name: "stepped", unit: time.Nanosecond, life: 10 * time.Minute})
}

// Prefixed returns a storage with a prefix of its own, by the server's real clock.
func (s *Storage) Prefixed(prefix string) *Storage { return s.by(prefix, s.clock) }

func (s *Storage) by(prefix string, by clock) *Storage {
	other := *s
	other.prefix, other.clock = prefix, by
	return &other
}

// Key returns the key of a check's grants.
func (s *Storage) Key(check throttle.Check) string { return s.key(check) }

// CallsAtOnce is how many calls are under way at once.
const CallsAtOnce = callsAtOnce

// Calls returns how many decisions wait to be sent, and how many calls are under way.
func (s *Storage) Calls() (waiting, busy int) {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return len(s.calls.waiting), s.calls.busy
}

// TakeBack takes back a grant that was made at an instant.
func (s *Storage) TakeBack(ctx context.Context, check throttle.Check,
	given throttle.Instant) error {
	l, err := s.server.get(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	return s.takeBack(ctx, l.client, check, int64(given))
}

// Timer is a timer that a storage has started.
type Timer struct {
	After time.Duration
	Call  func()
}

// OnTimers makes a storage send its timers to the test instead of starting them. It must be called
// before the first decision, and the test must receive the timers.
func (s *Storage) OnTimers() <-chan Timer {
	timers := make(chan Timer, 16)
	s.server.after = func(after time.Duration, call func()) func() bool {
		timers <- Timer{after, call}
		return func() bool { return true }
	}
	return timers
}

// The bounds of the life of connections, and the pauses before they are replaced.
const (
	MinLife, MaxLife, LifeRetry, FailureRest = minLife, maxLife, lifeRetry, failureRest
)

// RepairInterval is how often the policy of a server that evicts grants is read again.
const RepairInterval = repairInterval

// Classify returns the storage's error for one of rueidis, of the system or of a context.
func Classify(err error) *UnavailableError { return unavailable(err) }

// Guarded returns a connection that enforces the bounds of what a server may send.
func Guarded(conn net.Conn) net.Conn {
	return guarded(conn, func(err error) error { return err })
}

// The bounds of what a server may send.
const (
	MaxLine, MaxBulk, MaxLength, MaxValues, MaxReply, MaxDepth = maxLine, maxBulk, maxLength,
		maxValues, maxReply, maxDepth
)

// Codes returns the error codes that are reported.
func Codes() []string { return slices.Collect(maps.Keys(codes)) }

// ReadAnswer parses the script's reply for one check.
func (s *Storage) ReadAnswer(check throttle.Check, answer string) (throttle.State, error) {
	read, err := s.read([]throttle.Check{check}, answer)
	return read.of[0].state, err
}
