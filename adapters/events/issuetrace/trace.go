// Package issuetrace writes each decision on a request to issue a session as a line of a file, and
// reads such files, so that operators can try other limits on real traffic.
//
// A line holds two instants, the outcome, and digests of the subjects under a key that is used for
// nothing else. It holds no address and no install id, and neither these nor the subjects of the
// storage can be computed from it without the key. The package imports domain, ports, the standard
// library and x/sys.
package issuetrace

import (
	"context"
	"sync"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Storage wraps a storage and writes its decisions to a file. It implements ports.LimiterStorage.
type Storage struct {
	next     ports.LimiterStorage
	file     *File
	clock    ports.Clock
	digester throttle.TraceDigester

	ordered bool
	mu      sync.Mutex       // held during a decision if ordered
	last    throttle.Instant // the highest instant of a line if ordered
}

// NewStorage returns next with its decisions written to file.
//
// If ordered is true, the lines are in the order of the decisions and their instants never
// decrease, so that the same storage makes the same decisions when the trace is replayed. Decisions
// are then made one at a time, so next must not wait for another system.
func NewStorage(next ports.LimiterStorage, file *File, clock ports.Clock,
	digester throttle.TraceDigester, ordered bool) *Storage {
	return &Storage{next: next, file: file, clock: clock, digester: digester, ordered: ordered}
}

// Decide implements ports.LimiterStorage.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	if s.file.stopped() {
		return s.next.Decide(ctx, now, checks)
	}
	pseudonyms := s.pseudonyms(&checks)
	if s.ordered {
		s.mu.Lock()
		defer s.mu.Unlock()
		now = max(now, s.last)
		s.last = now
	}
	decision, err := s.next.Decide(ctx, now, checks)
	refusal, refused := decision.Refusal()
	if pseudonyms.Len() == 0 || refused && refusal.Dimension == throttle.ByProof {
		return decision, err // not a decision of a limit
	}
	s.file.write(now, s.clock.Now(), &pseudonyms, &decision)
	return decision, err
}

// pseudonyms returns checks without those of proofs, with each subject replaced by its digest for
// the trace.
func (s *Storage) pseudonyms(checks *throttle.Checks) throttle.Checks {
	var shown [throttle.MaxChecks]throttle.Check
	n := 0
	for i := range checks.Len() {
		check := checks.At(i)
		if check.Dimension == throttle.ByProof {
			continue
		}
		check.Subject = s.digester.Subject(check.Subject)
		shown[n] = check
		n++
	}
	return throttle.NewChecks(shown[:n]...)
}
