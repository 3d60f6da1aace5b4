package secret

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEmbeddedLists(t *testing.T) {
	t.Run("every digest is loaded", func(t *testing.T) {
		require.Len(t, known(), 2321)
		assert.True(t, slices.IsSorted(known()))
		assert.Equal(t, uint64(0x00141e8b707eb2fe), known()[0])
		assert.Equal(t, uint64(0xfff67a5a8fc3520f), known()[2320])
	})
	t.Run("every word is found with its length", func(t *testing.T) {
		count := 0
		for _, word := range entries(commonWords) {
			assert.NotZero(t, words().lengths([]rune(word), false)&(1<<len(word)), word)
			assert.GreaterOrEqual(t, len(word), 2, word)
			count++
		}
		assert.Equal(t, 2351, count)
	})
	t.Run("no prefix of a word is found unless listed", func(t *testing.T) {
		all := map[string]bool{}
		for _, word := range entries(commonWords) {
			all[word] = true
		}
		for word := range all {
			found := words().lengths([]rune(word), false)
			for n := range len(word) + 1 {
				assert.Equal(t, all[word[:n]], found>>n&1 == 1, word[:n])
			}
		}
	})
}
