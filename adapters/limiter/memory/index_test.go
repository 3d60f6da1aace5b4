package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
)

// TestIndex puts and cuts numbers whose hashes fall on few places, those at the end of the table among them, and looks for every number
// after every step: what is there is found, what is not is not, and nothing is left behind.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := memory.NewPlaces()
		known := map[uint32]uint64{}
		next := uint32(1)
		home := rapid.Custom(func(t *rapid.T) uint64 {
			high := rapid.Uint64Range(0, 3).Draw(t, "high bits") << 32 // they tell hashes of one place apart
			return high | rapid.SampledFrom([]uint64{0, 1, 2, 5, 61, 62, 63, 64, 126, 127, 128,
				191}).Draw(t, "low bits")
		})
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			if len(known) > 0 && rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
				var all []uint32
				for number := uint32(1); number < next; number++ {
					if _, is := known[number]; is {
						all = append(all, number)
					}
				}
				number := rapid.SampledFrom(all).Draw(t, "which")
				places.Cut(number)
				delete(known, number)
			} else {
				hash := home.Draw(t, "hash")
				places.Put(next, hash)
				known[next] = hash
				next++
			}
			for number, hash := range known {
				if _, found := places.Find(number, hash); !found {
					t.Fatalf("%d is lost", number)
				}
			}
			size, taken := places.Size()
			if taken != len(known) || 2*taken > size {
				t.Fatalf("%d of %d places are taken, by %d", taken, size, len(known))
			}
			if _, found := places.Find(next, home.Draw(t, "another")); found {
				t.Fatal("found what is not there")
			}
		}
	})
}

// TestIndexStaysFresh cuts and puts for long: searches stay as short as in a table that was never cut.
func TestIndexStaysFresh(t *testing.T) {
	const kept = 1000
	hash := func(number uint32) uint64 { return uint64(number) * 0x9e3779b97f4a7c15 >> 20 }
	places := memory.NewPlaces()
	for number := uint32(1); number <= 100*kept; number++ {
		if number > kept {
			places.Cut(number - kept)
		}
		places.Put(number, hash(number))
	}
	fresh := memory.NewPlaces()
	for number := uint32(99*kept + 1); number <= 100*kept; number++ {
		fresh.Put(number, hash(number))
	}
	size, taken := places.Size()
	freshSize, _ := fresh.Size()
	assert.Equal(t, kept, taken)
	assert.Equal(t, freshSize, size, "it does not grow either")
	steps, freshSteps := 0, 0
	for number := uint32(99*kept + 1); number <= 100*kept; number++ {
		n, found := places.Find(number, hash(number))
		require.True(t, found)
		steps += n
		n, _ = fresh.Find(number, hash(number))
		freshSteps += n
	}
	assert.Equal(t, freshSteps, steps,
		"linear probing without tombstones: the same total, in whatever order they came")
}
