package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
)

// TestIndexFindsWhatItHolds inserts and removes numbers whose hashes fall on few slots, including
// those at the end of the table, and searches for every number after every step: it finds exactly
// the numbers that are in the index, and none is left over.
func TestIndexFindsWhatItHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := memory.NewIndex()
		known := map[uint32]uint64{}
		next := uint32(1)
		home := rapid.Custom(func(t *rapid.T) uint64 {
			// The high bits distinguish hashes with the same home slot.
			high := rapid.Uint64Range(0, 3).Draw(t, "high bits") << 32
			return high | rapid.SampledFrom([]uint64{0, 1, 2, 5, 61, 62, 63, 64, 126, 127, 128,
				191}).Draw(t, "low bits")
		})
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			if len(known) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				var all []uint32
				for number := uint32(1); number < next; number++ {
					if _, ok := known[number]; ok {
						all = append(all, number)
					}
				}
				number := rapid.SampledFrom(all).Draw(t, "which")
				index.Remove(number)
				delete(known, number)
			} else {
				hash := home.Draw(t, "hash")
				index.Insert(next, hash)
				known[next] = hash
				next++
			}
			for number, hash := range known {
				if _, found := index.Find(number, hash); !found {
					t.Fatalf("number %d is not found", number)
				}
			}
			size, taken := index.Size()
			if taken != len(known) || 2*taken > size {
				t.Fatalf("%d of %d slots are taken, by %d numbers", taken, size, len(known))
			}
			if _, found := index.Find(next, home.Draw(t, "another")); found {
				t.Fatal("found a number that was not inserted")
			}
		}
	})
}

// TestIndexDoesNotDegrade removes and inserts many numbers: searches stay as short as in a table
// from which nothing was removed.
func TestIndexDoesNotDegrade(t *testing.T) {
	const kept = 1000
	hash := func(number uint32) uint64 { return uint64(number) * 0x9e3779b97f4a7c15 >> 20 }
	index := memory.NewIndex()
	for number := uint32(1); number <= 100*kept; number++ {
		if number > kept {
			index.Remove(number - kept)
		}
		index.Insert(number, hash(number))
	}
	fresh := memory.NewIndex()
	for number := uint32(99*kept + 1); number <= 100*kept; number++ {
		fresh.Insert(number, hash(number))
	}
	size, taken := index.Size()
	freshSize, _ := fresh.Size()
	assert.Equal(t, kept, taken)
	assert.Equal(t, freshSize, size, "the table does not grow")
	steps, freshSteps := 0, 0
	for number := uint32(99*kept + 1); number <= 100*kept; number++ {
		n, found := index.Find(number, hash(number))
		require.True(t, found)
		steps += n
		n, _ = fresh.Find(number, hash(number))
		freshSteps += n
	}
	assert.Equal(t, freshSteps, steps,
		"linear probing without tombstones has the same total, whatever the order")
}
