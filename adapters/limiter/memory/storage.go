// Package memory is the limiter's storage in this process: exact, bounded, and forgetful only where it must be.
//
// Subjects are spread over shards by their digest, each under one lock. A shard keeps its subjects in the order of their last grants, so
// that the one that ends first, and the one to forget first, is always at hand: nothing is ever scanned. Memory follows grants
// within the last window; a refusal stores nothing. It imports domain, ports and the standard library.
package memory

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/offload/sessiond/domain/throttle"
)

// How far subjects are spread: maxShards is enough that callers on many cores seldom meet; a shard below minShard subjects
// would overflow by the unevenness of chance alone.
const (
	maxShards = 64
	minShard  = 4096
)

// instantsPerSubject bounds the instants that all subjects hold together, as a multiple of the most subjects.
const instantsPerSubject = 8

// Storage is a ports.LimiterStorage. Decide answers without waiting for anything but a lock that is held for microseconds, and
// fails only on a limit above the largest that it was made for. It allocates nothing for a subject that it knows, unless that subject's grants outgrow their room.
type Storage struct {
	shards       []shard
	shift        uint // from a hash to a shard's index
	largestLimit int
}

// errLimit is a defect of whoever asks: the storage was made for smaller limits.
var errLimit = errors.New("memory: the limit is larger than the storage was made for")

// TooSmallError is a storage that could not hold one subject's grants.
type TooSmallError struct{ MaxSubjects, LargestLimit, Minimum int }

// Error tells the least that would do.
func (e *TooSmallError) Error() string {
	return fmt.Sprintf(
		"room for %d subjects is too small for a limit of %d: at least %d are needed",
		e.MaxSubjects, e.LargestLimit, e.Minimum)
}

// New makes a storage of at most maxSubjects subjects and eight times as many instants, in which every shard holds at least
// largestLimit instants. It fails with a *TooSmallError where that cannot be. Both are at least 1.
func New(maxSubjects, largestLimit int) (*Storage, error) {
	if instantsPerSubject*maxSubjects < largestLimit {
		least := (largestLimit + instantsPerSubject - 1) / instantsPerSubject
		return nil, &TooSmallError{MaxSubjects: maxSubjects, LargestLimit: largestLimit,
			Minimum: least}
	}
	count := 1
	for count < maxShards && maxSubjects/(2*count) >= minShard && instantsPerSubject*(maxSubjects/(2*count)) >= largestLimit {
		count *= 2
	}
	storage := &Storage{shards: make([]shard, count),
		shift: uint(64 - bits.TrailingZeros(uint(count))), largestLimit: largestLimit}
	for i := range storage.shards {
		storage.shards[i].maxSubjects = maxSubjects / count
		storage.shards[i].maxInstants = instantsPerSubject * (maxSubjects / count)
	}
	return storage, nil
}

// Decide is ports.LimiterStorage's.
func (s *Storage) Decide(_ context.Context, now throttle.Instant,
	asks throttle.Checks) (throttle.Decision, error) {
	var seats [throttle.MaxChecks]seat
	var standings [throttle.MaxChecks]throttle.State
	n := asks.Len()
	for i := range n {
		ask := asks.At(i)
		if ask.Limit > s.largestLimit {
			return throttle.Decision{}, errLimit
		}
		hash := hashOf(ask.Subject)
		seats[i] = seat{ask: ask, hash: hash, shard: int(hash >> s.shift)}
	}
	locks := locksOf(seats[:n])
	s.lock(locks)
	defer s.unlock(locks)
	for i := range n {
		s.shards[seats[i].shard].end(now, endsAtOnce)
	}
	for i := range n {
		standings[i] = s.shards[seats[i].shard].look(&seats[i], now)
	}
	decision := throttle.Decide(standings[:n]...)
	if !decision.Refused() {
		for i := range n {
			s.shards[seats[i].shard].grant(&seats[i])
		}
	}
	return decision, nil
}

// Subjects is how many subjects have a grant in their window at now.
func (s *Storage) Subjects(now throttle.Instant) int {
	total := 0
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		shard.end(now, shard.live)
		total += shard.live
		shard.Unlock()
	}
	return total
}

// Forgotten is how many subjects were forgotten before their window was empty, since the start.
func (s *Storage) Forgotten() uint64 {
	var total uint64
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		total += shard.forgotten
		shard.Unlock()
	}
	return total
}

// locks are the shards that a decision holds: each once, in ascending order, so that two decisions never wait for each other.
type locks struct {
	n  int
	of [throttle.MaxChecks]int
}

func locksOf(seats []seat) locks {
	var l locks
	for i := range seats {
		at := 0
		for at < l.n && l.of[at] < seats[i].shard {
			at++
		}
		if at < l.n && l.of[at] == seats[i].shard {
			continue
		}
		copy(l.of[at+1:], l.of[at:l.n])
		l.of[at] = seats[i].shard
		l.n++
	}
	return l
}

func (s *Storage) lock(l locks) {
	for _, i := range l.of[:l.n] {
		s.shards[i].Lock()
	}
}

func (s *Storage) unlock(l locks) {
	for _, i := range l.of[:l.n] {
		s.shards[i].Unlock()
	}
}

// hashOf spreads subjects. They are keyed digests already, so that no caller can choose where his lies; the multiplication serves
// subjects that a test made up. The top bits choose the shard, the others the place in it.
func hashOf(subject throttle.Subject) uint64 {
	const golden = 0x9e3779b97f4a7c15
	low, high := binary.LittleEndian.Uint64(subject[:8]), binary.LittleEndian.Uint64(subject[8:])
	hash := (low ^ bits.RotateLeft64(high, 32)) * golden
	return (hash ^ hash>>32) * golden
}
