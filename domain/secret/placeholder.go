package secret

import (
	"math/bits"
	"slices"
	"unicode"
)

// isPlaceholder reports whether a folded text, with everything but letters and digits removed,
// consists entirely of listed words (of any length, also across removed characters), single letters
// that stood alone, and digits, with at least one listed word. It returns false for text of only
// 0-9, a-f and hyphens, which is left to the estimate, and for text of marks with a word by chance.
func isPlaceholder(folded []rune) bool {
	if isHex(folded) {
		return false
	}
	text := make([]rune, 0, len(folded))
	loose := make([]bool, 0, len(folded)) // a digit, or a letter that stands alone
	for i, r := range folded {
		if !isOther(r) {
			text = append(text, r)
			loose = append(loose, isDigit(r) || standsAlone(folded, i, i+1))
		}
	}
	listed := words()
	// inWords[i] is the maximum number of characters of text[:i] that are in words; -1 if text[:i]
	// does not consist of words and loose characters.
	inWords := slices.Repeat([]int{-1}, len(text)+1)
	inWords[0] = 0
	for i := range text {
		if inWords[i] < 0 {
			continue
		}
		if loose[i] {
			inWords[i+1] = max(inWords[i+1], inWords[i])
		}
		for lengths := listed.lengths(text[i:], false); lengths != 0; lengths &= lengths - 1 {
			length := bits.TrailingZeros16(lengths)
			inWords[i+length] = max(inWords[i+length], inWords[i]+length)
		}
	}
	// A generator that uses marks leaves letters alone, and one short word among them is chance:
	// nine of two million random texts were refused for that. So without white space, which
	// generators do not write, the words must have at least as many letters as stand alone.
	letters := 0
	for _, r := range text {
		if !isDigit(r) {
			letters++
		}
	}
	most := inWords[len(text)]
	return most > 0 && (slices.ContainsFunc(folded, unicode.IsSpace) || 2*most >= letters)
}
