// Package memory implements the limiter's storage in the memory of this process. It is exact and
// bounded, and forgets a subject early only if it is full.
//
// Subjects are spread over shards by their digest, each shard under one lock. A shard keeps its
// subjects in the order of their last grants, so that the next one to expire, and the next one to
// forget, is found at once: nothing is ever scanned. Memory use follows the grants within the last
// window; a refusal stores nothing. The package imports domain, ports and the standard library.
package memory

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/offload/sessiond/domain/throttle"
)

// The number of shards: with maxShards, callers on many cores rarely contend for one; a shard for
// fewer than minSubjectsPerShard subjects would overflow merely because subjects spread unevenly.
const (
	maxShards           = 64
	minSubjectsPerShard = 4096
)

// instantsPerSubject bounds the instants that all subjects hold together, as a multiple of the
// maximum number of subjects.
const instantsPerSubject = 8

// Storage implements ports.LimiterStorage. Decide waits for nothing but locks that are held for
// microseconds, and fails only for a limit above the largest that the storage was made for. It
// allocates nothing for a known subject, unless that subject's grants outgrow their ring buffer.
type Storage struct {
	shards       []shard
	shift        uint // turns a hash into the index of a shard
	largestLimit int
}

// errLimit reports a programming error: the storage was made for smaller limits.
var errLimit = errors.New("memory: limit is larger than the storage was made for")

// TooSmallError is the error for a storage that could not hold the grants of one subject at the
// largest limit. Minimum is the smallest MaxSubjects that would do.
type TooSmallError struct{ MaxSubjects, LargestLimit, Minimum int }

// Error returns both bounds and the minimum.
func (e *TooSmallError) Error() string {
	return fmt.Sprintf(
		"maximum of %d subjects is too small for a limit of %d: set it to at least %d",
		e.MaxSubjects, e.LargestLimit, e.Minimum)
}

// New returns a storage for at most maxSubjects subjects and eight times as many instants, in which
// every shard holds at least largestLimit instants. It returns a *TooSmallError if that is
// impossible. Both arguments must be at least 1.
func New(maxSubjects, largestLimit int) (*Storage, error) {
	if instantsPerSubject*maxSubjects < largestLimit {
		minimum := (largestLimit + instantsPerSubject - 1) / instantsPerSubject
		return nil, &TooSmallError{MaxSubjects: maxSubjects, LargestLimit: largestLimit,
			Minimum: minimum}
	}
	count := 1
	for count < maxShards && maxSubjects/(2*count) >= minSubjectsPerShard &&
		instantsPerSubject*(maxSubjects/(2*count)) >= largestLimit {
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

// Decide implements ports.LimiterStorage.
func (s *Storage) Decide(_ context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	var lookups [throttle.MaxChecks]lookup
	var states [throttle.MaxChecks]throttle.State
	n := checks.Len()
	for i := range n {
		check := checks.At(i)
		if check.Limit > s.largestLimit {
			return throttle.Decision{}, errLimit
		}
		hash := hashOf(check.Subject)
		lookups[i] = lookup{check: check, hash: hash, shard: int(hash >> s.shift)}
	}
	locks := locksOf(lookups[:n])
	s.lock(locks)
	defer s.unlock(locks)
	for i := range n {
		s.shards[lookups[i].shard].expire(now, expireAtOnce)
	}
	for i := range n {
		states[i] = s.shards[lookups[i].shard].state(&lookups[i], now)
	}
	decision := throttle.Decide(states[:n]...)
	if !decision.Refused() {
		for i := range n {
			s.shards[lookups[i].shard].grant(&lookups[i])
		}
	}
	return decision, nil
}

// Subjects returns how many subjects have a grant in their window at now.
func (s *Storage) Subjects(now throttle.Instant) int {
	total := 0
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		shard.expire(now, shard.live)
		total += shard.live
		shard.Unlock()
	}
	return total
}

// Forgotten returns how many subjects were forgotten before their window was empty, since the
// start.
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

// locks lists the shards that a decision locks: each once, in ascending order, so that decisions
// never deadlock.
type locks struct {
	n  int
	of [throttle.MaxChecks]int
}

func locksOf(lookups []lookup) locks {
	var l locks
	for i := range lookups {
		at := 0
		for at < l.n && l.of[at] < lookups[i].shard {
			at++
		}
		if at < l.n && l.of[at] == lookups[i].shard {
			continue
		}
		copy(l.of[at+1:], l.of[at:l.n])
		l.of[at] = lookups[i].shard
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

// hashOf returns the hash of a subject. Subjects are keyed digests already, so that no client can
// choose where its subject lies; the multiplication spreads the subjects that tests make up. The
// top bits select the shard, the others the slot in its index.
func hashOf(subject throttle.Subject) uint64 {
	const golden = 0x9e3779b97f4a7c15
	low, high := binary.LittleEndian.Uint64(subject[:8]), binary.LittleEndian.Uint64(subject[8:])
	hash := (low ^ bits.RotateLeft64(high, 32)) * golden
	return (hash ^ hash>>32) * golden
}
