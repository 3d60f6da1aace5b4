package secret

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// derive makes TestLettersAreDerived write letters.txt instead of comparing it.
var derive = flag.Bool("derive", false, "write letters.txt from testdata/corpus")

// lettersHeader is the comment at the top of letters.txt.
const lettersHeader = "# The costs of a letter after the two before it, derived by letters_test.go " +
	"from testdata/corpus:\n# go generate ./domain/secret. A line has the two characters before, " +
	"where . is the start of the word,\n# and the costs of a to z and of the end of the word: ! is " +
	"0, and each further character of ASCII is\n# an eighth of a bit more.\n"

// TestLettersAreDerived derives the table of letters from the corpus, and compares it with
// letters.txt.
func TestLettersAreDerived(t *testing.T) {
	derived := lettersHeader + deriveLetters(corpus(t))
	if *derive {
		require.NoError(t, os.WriteFile("letters.txt", []byte(derived), 0o644))
	}
	committed, err := os.ReadFile("letters.txt")
	require.NoError(t, err)
	assert.True(t, derived == string(committed),
		"letters.txt is out of date: go generate ./domain/secret")
}

// TestLettersAreACode checks Kraft's inequality for each context, on which the bound of the rule on
// chosen secrets rests.
func TestLettersAreACode(t *testing.T) {
	for context := range letterContexts {
		sum := 0.0
		for letter := range letterSymbols {
			sum += math.Exp2(-float64(letterCosts()[context][letter]))
		}
		require.LessOrEqual(t, sum, 1.0, "context %d", context)
	}
}

// corpus returns the words of the corpus and the listed words.
func corpus(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/corpus/*.txt")
	require.NoError(t, err)
	require.Greater(t, len(names), 20)
	var all []string
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		words := strings.Fields(string(content))
		// Lists of words, in which every word occurs once, count as much as they would in a text.
		times := 1
		if strings.HasSuffix(name, "names.txt") {
			times = 3
		}
		for range times {
			all = append(all, words...)
		}
	}
	return append(all, entries(commonWords)...)
}

// deriveLetters counts each letter after the two letters before it. The counts are smoothed with
// those after one letter, and these with those of the letter alone (Witten and Bell, 1991).
func deriveLetters(words []string) string {
	const size, start, end = letterSymbols, letterEnd, letterEnd
	var one [size]float64
	var two [size][size]float64
	var three [size][size][size]float64
	for _, word := range words {
		a, b := start, start
		for _, r := range word + "." {
			c := end
			if r != '.' {
				if c = int(r - 'a'); c < 0 || c >= end {
					break // a listed word with a digit
				}
			}
			one[c]++
			two[b][c]++
			three[a][b][c]++
			a, b = b, c
		}
	}
	var prior [size]float64
	for c := range prior {
		prior[c] = 1.0 / size
	}
	smooth := func(counts, lower [size]float64) (p [size]float64) {
		total, kinds := 0.0, 1.0
		for _, n := range counts {
			total += n
			if n > 0 {
				kinds++
			}
		}
		for c, n := range counts {
			p[c] = (n + kinds*lower[c]) / (total + kinds)
		}
		return p
	}
	alone := smooth(one, prior)
	var table strings.Builder
	for a := range size {
		for b := range size {
			p := smooth(three[a][b], smooth(two[b], alone))
			table.WriteByte(letterName(a))
			table.WriteByte(letterName(b))
			table.WriteByte(' ')
			for _, q := range p {
				// Rounded up, so that the costs stay those of a code.
				eighths := math.Ceil(-8*math.Log2(q) - 1e-9)
				table.WriteByte('!' + byte(min(eighths, '~'-'!')))
			}
			table.WriteByte('\n')
		}
	}
	return table.String()
}

// letterName returns the character of a symbol in letters.txt.
func letterName(symbol int) byte {
	if symbol == letterEnd {
		return '.'
	}
	return 'a' + byte(symbol)
}
