// Package memory implements the limiter's storage in the memory of this process. It is exact and
// bounded, and forgets a subject early only if its part of the storage is full.
//
// The storage has parts, by dimension, none of which ever takes room from another. Within a part,
// subjects are spread over shards by their digest, each shard under one lock. A shard keeps its
// subjects in the order of their last grants, so that the next one to expire, and the next one to
// forget, is found at once: nothing is ever scanned. Memory use is proportional to the number of
// grants within the last window, in every part; a refusal stores nothing. The package imports
// domain, ports and the standard library.
package memory

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/offload/sessiond/domain/throttle"
)

// Storage implements ports.LimiterStorage. Decide waits for nothing but locks that are held for
// microseconds, and fails only for a limit above the largest that the storage was made for. It
// allocates nothing for a known subject, unless that subject's grants outgrow their cell or ring
// buffer.
type Storage struct {
	shards []shard // part after part
	routes []route // by dimension
}

// errLimit reports a programming error: the storage was made for smaller limits.
var errLimit = errors.New("memory: limit is larger than the storage was made for")

// TooSmallError is the error for a storage that could not hold the grants of one subject at the
// largest limit. Minimum is the smallest MaxSubjects that would suffice.
type TooSmallError struct{ MaxSubjects, LargestLimit, Minimum int }

// Error implements error.
func (e *TooSmallError) Error() string {
	return fmt.Sprintf(
		"maximum of %d subjects is too small for a limit of %d: set it to at least %d",
		e.MaxSubjects, e.LargestLimit, e.Minimum)
}

// New returns a storage in which each part has room for maxSubjects subjects and eight times as
// many instants, and each shard for at least the largest limit of its part. It returns a
// *TooSmallError if that is impossible. maxSubjects must be at least 1. limitOf returns the limit
// of a dimension, and 0 for one that is never checked; that of proofs is throttle.ProofLimit.
func New(maxSubjects int, limitOf func(throttle.Dimension) int) (*Storage, error) {
	parts := partsFor(maxSubjects, limitOf)
	largest, shards := 0, 0
	for _, p := range parts {
		largest = max(largest, p.largestLimit)
		shards += p.shards
	}
	if instantsPerSubject*maxSubjects < largest {
		return nil, &TooSmallError{MaxSubjects: maxSubjects, LargestLimit: largest,
			Minimum: (largest + instantsPerSubject - 1) / instantsPerSubject}
	}
	storage := &Storage{shards: make([]shard, shards),
		routes: make([]route, throttle.ByProof+1)}
	first := 0
	for _, p := range parts {
		storage.addPart(p, first, maxSubjects)
		first += p.shards
	}
	return storage, nil
}

// Decide implements ports.LimiterStorage.
func (s *Storage) Decide(_ context.Context, now throttle.Instant,
	checks throttle.Checks) (decision throttle.Decision, err error) {
	var found [throttle.MaxChecks]lookup
	var locks locks
	all := checks.All()
	for i := range all {
		to := &s.routes[all[i].Dimension]
		if all[i].Limit > to.largestLimit {
			return decision, errLimit
		}
		found[i].hash = hashOf(&all[i].Subject)
		number := to.shard(found[i].hash)
		found[i].shard = &s.shards[number]
		locks.add(number)
	}
	s.lock(&locks)
	defer s.unlock(&locks)
	for i := range all {
		found[i].shard.expire(now, expireAtOnce)
	}
	// All entries are found before any is read, so that the processor waits for their cache lines
	// at the same time.
	for i := range all {
		found[i].shard.find(&all[i], &found[i])
	}
	for i := range all {
		found[i].shard.add(&decision, &all[i], &found[i], now)
	}
	if decision.Settle() {
		for i := range all {
			found[i].shard.grant(&all[i], &found[i])
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
		shard.expire(now, math.MaxInt32)
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

// LastForgotten returns when a subject was forgotten last before its window was empty; 0 for never.
func (s *Storage) LastForgotten() throttle.Instant {
	var last throttle.Instant
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		last = max(last, shard.forgot)
		shard.Unlock()
	}
	return last
}

// locks lists the shards that a decision locks: each once, in ascending order, so that decisions
// never deadlock.
type locks struct {
	n  int
	of [throttle.MaxChecks]int
}

// add adds a shard, unless the list has it already.
func (l *locks) add(shard int) {
	at := l.n
	for at > 0 && l.of[at-1] > shard {
		at--
	}
	if at > 0 && l.of[at-1] == shard {
		return
	}
	for i := l.n; i > at; i-- {
		l.of[i] = l.of[i-1]
	}
	l.of[at] = shard
	l.n++
}

func (s *Storage) lock(l *locks) {
	for _, i := range l.of[:l.n] {
		s.shards[i].Lock()
	}
}

func (s *Storage) unlock(l *locks) {
	for _, i := range l.of[:l.n] {
		s.shards[i].Unlock()
	}
}

// hashOf returns the hash of a subject. Subjects are keyed digests already, so that no client can
// choose where its subject lies; the multiplication spreads the subjects that tests make up. The
// top bits select the shard, the others the slot in its index.
func hashOf(subject *throttle.Subject) uint64 {
	const golden = 0x9e3779b97f4a7c15
	low, high := binary.LittleEndian.Uint64(subject[:8]), binary.LittleEndian.Uint64(subject[8:])
	hash := (low ^ bits.RotateLeft64(high, 32)) * golden
	return (hash ^ hash>>32) * golden
}
