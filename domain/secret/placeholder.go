package secret

import "math/bits"

// isPlaceholder reports whether a folded text, without everything but letters and digits, consists
// of listed words (of any length, also across what was removed), single letters that stood alone,
// and digits, with at least one listed word. Text of only 0-9, a-f and hyphens does not count: the
// estimate judges it.
func isPlaceholder(folded []rune) bool {
	if isHex(folded) {
		return false
	}
	const (
		reached  = 1 << iota // the text up to here consists of what is allowed
		withWord             // and in one such way contains a word
	)
	text := make([]rune, 0, len(folded))
	loose := make([]bool, 0, len(folded)) // what needs no word: digits, and single letters
	for i, r := range folded {
		if !isOther(r) {
			text = append(text, r)
			loose = append(loose, isDigit(r) || standsAlone(folded, i, i+1))
		}
	}
	listed := words()
	ways := make([]uint8, len(text)+1)
	ways[0] = reached
	furthest := 0
	for i := range text {
		if i > furthest {
			return false
		}
		if ways[i] == 0 {
			continue
		}
		if loose[i] {
			ways[i+1] |= ways[i]
			furthest = max(furthest, i+1)
		}
		for lengths := listed.lengths(text[i:], false); lengths != 0; lengths &= lengths - 1 {
			end := i + bits.TrailingZeros16(lengths)
			ways[end] |= reached | withWord
			furthest = max(furthest, end)
		}
	}
	return ways[len(text)]&withWord != 0
}
