package memory

import (
	"math/bits"

	"github.com/offload/sessiond/domain/throttle"
)

// A part of a storage has the capacity of the whole configuration, and shards of its own, so that
// forgetting never crosses from one part to another: however many installations are counted, no
// address is forgotten for them.
type part struct {
	dimensions   []throttle.Dimension
	largestLimit int // of its dimensions
	shards       int // how many
}

// partsFor returns the parts of a storage. Each dimension belongs to one of them.
func partsFor(maxSubjects int, limitOf func(throttle.Dimension) int) []part {
	parts := []part{
		{dimensions: []throttle.Dimension{throttle.ByAddress, throttle.ByNetwork}},
		{dimensions: []throttle.Dimension{throttle.ByRenewalAddress}},
		{dimensions: []throttle.Dimension{throttle.ByInstall, throttle.ByRenewal}},
		// Proofs are kept apart, so that no number of them makes a limit forgotten, or the reverse.
		{dimensions: []throttle.Dimension{throttle.ByProof}, largestLimit: throttle.ProofLimit},
	}
	for i := range parts {
		p := &parts[i]
		for _, dimension := range p.dimensions {
			if dimension != throttle.ByProof { // whose limit is no matter of configuration
				p.largestLimit = max(p.largestLimit, limitOf(dimension))
			}
		}
		p.shards = shardCount(maxSubjects, p.largestLimit)
	}
	return parts
}

// The number of shards of a part: with maxShards in each, callers on many cores rarely contend for
// one; a shard for fewer than minSubjectsPerShard subjects would overflow merely because subjects
// spread unevenly.
const (
	maxShards           = 32
	minSubjectsPerShard = 4096
)

// instantsPerSubject bounds the instants that all subjects of a part hold together, as a multiple
// of the maximum number of subjects.
const instantsPerSubject = 8

// route leads from a dimension to the shards of its part.
type route struct {
	first        int  // the index of the first shard
	shift        uint // turns a hash into the number of a shard within the part
	largestLimit int  // of the part
}

func (r *route) shard(hash uint64) int { return r.first + int(hash>>r.shift) }

// add sizes the shards of a part, which begin at first, and adds the routes to them.
func (s *Storage) add(p part, first, maxSubjects int) {
	for _, dimension := range p.dimensions {
		s.routes[dimension] = route{first: first, largestLimit: p.largestLimit,
			shift: uint(64 - bits.TrailingZeros(uint(p.shards)))}
	}
	for i := first; i < first+p.shards; i++ {
		s.shards[i].maxSubjects = maxSubjects / p.shards
		s.shards[i].maxInstants = instantsPerSubject * (maxSubjects / p.shards)
	}
}

// shardCount returns the number of shards of a part, a power of two: every shard has room for the
// grants of one subject at the largest limit.
func shardCount(maxSubjects, largestLimit int) int {
	count := 1
	for count < maxShards && maxSubjects/(2*count) >= minSubjectsPerShard &&
		instantsPerSubject*(maxSubjects/(2*count)) >= largestLimit {
		count *= 2
	}
	return count
}
