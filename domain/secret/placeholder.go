package secret

import "math/bits"

// isPlaceholder reports whether a folded text, with everything but letters and digits removed,
// consists entirely of listed words (of any length, also across removed characters), single letters
// that stood alone, and digits, with at least one listed word. It returns false for text of only
// 0-9, a-f and hyphens, which is left to the estimate.
func isPlaceholder(folded []rune) bool {
	if isHex(folded) {
		return false
	}
	const (
		reached  = 1 << iota // the text up to here consists of allowed parts
		withWord             // and one such split has a word
	)
	text := make([]rune, 0, len(folded))
	loose := make([]bool, 0, len(folded)) // a digit, or a letter that stands alone
	for i, r := range folded {
		if !isOther(r) {
			text = append(text, r)
			loose = append(loose, isDigit(r) || standsAlone(folded, i, i+1))
		}
	}
	listed := words()
	states := make([]uint8, len(text)+1)
	states[0] = reached
	furthest := 0
	for i := range text {
		if i > furthest {
			return false
		}
		if states[i] == 0 {
			continue
		}
		if loose[i] {
			states[i+1] |= states[i]
			furthest = max(furthest, i+1)
		}
		for lengths := listed.lengths(text[i:], false); lengths != 0; lengths &= lengths - 1 {
			end := i + bits.TrailingZeros16(lengths)
			states[end] |= reached | withWord
			furthest = max(furthest, end)
		}
	}
	return states[len(text)]&withWord != 0
}
