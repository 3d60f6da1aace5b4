package secret

import "math"

// minBits is the minimum estimated strength of a secret in bits (NIST SP 800-131A).
const minBits = 112

// The value of a match in bits, whatever its length, and of a character next to it that is neither
// a letter nor a digit.
const (
	patternBits = 5
	wordBits    = 9
	besideBits  = 1
)

// The minimum length of a repeat or run that counts: in text, and in hex, where short ones occur by
// chance.
const (
	leastInText = 4
	leastInHex  = 8
)

// estimate returns the estimated strength of a folded text in bits. It examines only the first 1024
// characters: longer text is refused for its length, and the work stays bounded.
func estimate(folded []rune) float64 {
	if len(folded) > maxLength {
		folded = folded[:maxLength]
	}
	if isHex(folded) {
		return estimateHex(folded)
	}
	places := make([]place, len(folded))
	markPatterns(folded, places, leastInText)
	markWords(folded, places)
	return price(folded, places, leastInText, math.Log2(float64(classes(folded))))
}

// estimateHex returns the estimated strength of text that consists of 0-9, a-f and hyphens. It
// looks for runs and repeats, not for words.
func estimateHex(folded []rune) float64 {
	digits := make([]rune, 0, len(folded))
	each := 3.3 // a decimal digit, about log2 of 10
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
	markPatterns(digits, places, leastInHex)
	return price(digits, places, leastInHex, each)
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

// price takes the matches and returns the sum of bits: of the matches, of the symbols next to them,
// and each bits for every remaining character. Of several symbols in a row, only the one next to a
// match is cheap.
func price(text []rune, places []place, least int, each float64) float64 {
	found := take(places, 0, len(places), least)
	left := 0
	for i, r := range text {
		switch {
		case places[i].taken:
		case isOther(r) && (i > 0 && places[i-1].taken || i+1 < len(places) && places[i+1].taken):
			found += besideBits
		default:
			left++
		}
	}
	return float64(found) + float64(left)*each
}

// take takes the longest match within places[from:to], continues to its left and right, and returns
// the bits of everything it took. Of equally long matches it takes the one of fewer bits, then the
// earlier one. This is the same as taking the longest match of the whole text at each step, because
// a match on one side changes nothing on the other. A match that extends beyond the end is cut
// there, and counts as what remains: a repeat or run of the minimum length or more, or a word that
// is itself listed.
func take(places []place, from, to, least int) int {
	at, longest, cost := 0, 0, 0
	for i := from; i < to; i++ {
		p := &places[i]
		if p.pattern == 0 && p.words == 0 {
			continue
		}
		if n := min(int(p.pattern), to-i); n >= least &&
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
		places[i].taken = true
	}
	return cost + take(places, from, at, least) + take(places, at+longest, to, least)
}
