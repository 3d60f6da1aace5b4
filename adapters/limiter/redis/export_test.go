package redis

import (
	"context"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// UnderSuite is the storage on the same connections, empty by a prefix of its own, that goes by the
// instants of its callers.
//
// The suite's instants are nanoseconds, of which those since 1970 would not fit into a script's
// numbers. Its clock begins at 1000 s, so that they do, and the script is given them as they are:
// its unit is the nanosecond, and nothing is rounded. Keys expire by the server's real clock, of
// which the suite knows nothing: they live for ten minutes more than their window.
func (s *Storage) UnderSuite(prefix string) *Storage {
	return s.by(prefix, clock{name: "caller", unit: time.Nanosecond, life: 10 * time.Minute})
}

// UnderServersClock is the storage with a prefix of its own, that takes its callers' instants as
// those of the server's clock, which may be stepped back.
func (s *Storage) UnderServersClock(prefix string) *Storage {
	return s.by(prefix, clock{name: "stepped", unit: time.Nanosecond, life: 10 * time.Minute})
}

// Prefixed is the storage with a prefix of its own, by the server's real clock.
func (s *Storage) Prefixed(prefix string) *Storage { return s.by(prefix, s.clock) }

func (s *Storage) by(prefix string, by clock) *Storage {
	other := *s
	other.prefix, other.clock = prefix, by
	return &other
}

// Key is where an ask's grants lie.
func (s *Storage) Key(ask throttle.Check) string { return s.key(ask) }

// TakeBack takes back a grant that was given at an instant.
func (s *Storage) TakeBack(ctx context.Context, ask throttle.Check, given throttle.Instant) error {
	client, err := s.server.get(ctx)
	if err != nil {
		return err
	}
	return s.takeBack(ctx, client, ask, int64(given))
}

// Sorted is an error of the storage's for one of rueidis, of the system or of a context.
func Sorted(err error) *UnavailableError { return unavailable(err) }

// Guarded is a connection that keeps its server's words within bounds.
func Guarded(conn net.Conn) net.Conn { return guarded(conn) }

// The bounds of what a server may say.
const (
	MaxLine, MaxBulk, MaxLength, MaxValues, MaxReply, MaxDepth = maxLine, maxBulk, maxLength,
		maxValues, maxReply, maxDepth
)

// Codes are the errors of a server that are told by their code.
func Codes() []string { return slices.Collect(maps.Keys(codes)) }

// ReadAnswer is what the storage makes of a script's answer to one ask: how it stands.
func (s *Storage) ReadAnswer(ask throttle.Check, answer string) (throttle.State, error) {
	read, err := s.read([]throttle.Check{ask}, answer)
	return read.of[0].state, err
}
