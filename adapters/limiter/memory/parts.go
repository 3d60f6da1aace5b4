package memory

import (
	"math/bits"

	"github.com/offload/sessiond/domain/throttle"
)

// part is a part of a storage. Each part has the capacity of the whole configuration, and shards of
// its own, so that no subject is forgotten to make room for one of another part: however many
// installations are counted, no address is forgotten for them.
type part struct {
	dimensions   []throttle.Dimension
	largestLimit int // of its dimensions
	shards       int // the number of shards
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
			if dimension != throttle.ByProof { // its limit is not configured
				p.largestLimit = max(p.largestLimit, limitOf(dimension))
			}
		}
		p.shards = shardCount(maxSubjects, p.largestLimit)
	}
	return parts
}

// Bounds of the number of shards of a part. With maxShards, callers on many cores rarely contend
// for one. A shard for fewer than minSubjectsPerShard subjects would overflow merely because
// subjects spread unevenly.
const (
	maxShards           = 32
	minSubjectsPerShard = 4096
)

// instantsPerSubject bounds the instants that all subjects of a part hold together, as a multiple
// of the maximum number of subjects.
const instantsPerSubject = 8

// route selects the shards of a dimension's part.
type route struct {
	first        int  // the index of the first shard
	shift        uint // hash >> shift is the number of a shard within the part
	largestLimit int  // of the part
}

// shard returns the index of the shard for a hash.
func (r *route) shard(hash uint64) int { return r.first + int(hash>>r.shift) }

// addPart sets the bounds of the shards of a part, which begin at first, and the routes to them.
func (s *Storage) addPart(p part, first, maxSubjects int) {
	for _, dimension := range p.dimensions {
		s.routes[dimension] = route{first: first, largestLimit: p.largestLimit,
			shift: uint(64 - bits.TrailingZeros(uint(p.shards)))}
	}
	for i := first; i < first+p.shards; i++ {
		s.shards[i].maxSubjects = maxSubjects / p.shards
		s.shards[i].maxInstants = instantsPerSubject * (maxSubjects / p.shards)
	}
}

// shardCount returns the number of shards of a part, a power of two. If there are several, each has
// room for the grants of one subject at the largest limit.
func shardCount(maxSubjects, largestLimit int) int {
	count := 1
	for count < maxShards && maxSubjects/(2*count) >= minSubjectsPerShard &&
		instantsPerSubject*(maxSubjects/(2*count)) >= largestLimit {
		count *= 2
	}
	return count
}
