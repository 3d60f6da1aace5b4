package secret

import "math"

// minBits is the minimum estimated strength of a secret in bits (NIST SP 800-131A).
const minBits = 112

// The value in bits of a match (a repeat, a run or a word) of any length, and of a character next
// to a match that is neither letter nor digit.
const (
	patternBits  = 5
	wordBits     = 9
	adjacentBits = 1
)

// The minimum length of a repeat or run in text, and in hex, where short ones occur by chance.
const (
	minInText = 4
	minInHex  = 8
)

// estimate returns the estimated strength of a folded text in bits. It examines the first 1024
// characters only: a longer text is refused for its length, and the work stays bounded.
func estimate(folded []rune) float64 {
	if len(folded) > maxLength {
		folded = folded[:maxLength]
	}
	if isHex(folded) {
		return estimateHex(folded)
	}
	places := make([]place, len(folded))
	markPatterns(folded, places, minInText)
	markWords(folded, places)
	return bitsOf(folded, places, minInText, math.Log2(float64(classes(folded))))
}

// estimateHex returns the estimated strength of a text of only 0-9, a-f and hyphens. It looks for
// runs and repeats but not for words.
func estimateHex(folded []rune) float64 {
	digits := make([]rune, 0, len(folded))
	each := 3.3 // bits of a decimal digit, about log2(10)
	for _, r := range folded {
		if r == '-' {
			continue
		}
		digits = append(digits, r)
		if isLetter(r) {
			each = 4
		}
	}
	places := make([]place, len(digits))
	markPatterns(digits, places, minInHex)
	return bitsOf(digits, places, minInHex, each)
}

// classes returns the sum of the sizes of the character classes that are present.
func classes(folded []rune) int {
	letters, digits, others := 0, 0, 0
	for _, r := range folded {
		switch {
		case isLetter(r):
			letters = 26
		case isDigit(r):
			digits = 10
		default:
			others = 32
		}
	}
	return letters + digits + others
}

// bitsOf selects the matches and returns the total in bits: of the matches, of the other characters
// next to them, and of every remaining character, which counts for each bits. Of several other
// characters in a row, only the one next to the match has the reduced value.
func bitsOf(text []rune, places []place, minPattern int, each float64) float64 {
	matched := selectMatches(places, 0, len(places), minPattern)
	remaining := 0
	for i, r := range text {
		switch {
		case places[i].matched:
		case isOther(r) &&
			(i > 0 && places[i-1].matched || i+1 < len(places) && places[i+1].matched):
			matched += adjacentBits
		default:
			remaining++
		}
	}
	return float64(matched) + float64(remaining)*each
}

// selectMatches selects the longest match within places[from:to], then continues to the left and to
// the right of it, and returns the bits of all selected matches. Of matches of equal length it
// selects the one with fewer bits, then the earlier one. This is equivalent to selecting the
// longest match of the whole text at each step, because a selection on one side does not affect the
// other side. A match that extends past the end is cut there, and counts only if what remains is a
// match itself: a repeat or run of at least the minimum length, or a listed word.
func selectMatches(places []place, from, to, minPattern int) int {
	at, longest, cost := 0, 0, 0
	for i := from; i < to; i++ {
		p := &places[i]
		if p.pattern == 0 && p.words == 0 {
			continue
		}
		if n := min(int(p.pattern), to-i); n >= minPattern &&
			(n > longest || n == longest && patternBits < cost) {
			at, longest, cost = i, n, patternBits
		}
		if n := p.longestWord(to - i); n > longest {
			at, longest, cost = i, n, wordBits
		}
	}
	if longest == 0 {
		return 0
	}
	for i := at; i < at+longest; i++ {
		places[i].matched = true
	}
	return cost + selectMatches(places, from, at, minPattern) +
		selectMatches(places, at+longest, to, minPattern)
}
