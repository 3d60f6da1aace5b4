package secret

import "math"

// minBits is the least strength, in bits, that a secret must have by estimate (NIST SP 800-131A).
const minBits = 112

// What a found stretch counts, in bits, whatever its length; and a character that is neither letter nor digit beside one.
const (
	patternBits = 5
	wordBits    = 9
	besideBits  = 1
)

// The fewest characters of a repeat or run that is found: in text, and in hex, where chance alone makes short ones.
const (
	leastInText = 4
	leastInHex  = 8
)

// estimate tells the strength of a folded text in bits. It looks at the first 1024 characters only: longer text is refused for its
// length, and the work stays bounded.
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

// estimateHex tells the strength of text of only 0-9, a-f and hyphens. Words are not looked for; runs and repeats are.
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

// classes sums the sizes of the classes of characters that are present.
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

// price takes what is found and sums the bits up: of the found stretches, of the others beside them, and each bits for every
// character that is left. Of several others in a row only the one beside the stretch is cheap.
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

// take takes the longest stretch within places[from:to], then goes on to the left and to the right of it, and gives the bits of all
// that it took. Of equal stretches it takes the one of fewer bits, then the earlier. This is the same as taking the longest of the
// whole text at each step, since what is taken on one side changes nothing on the other. A stretch that reaches over the end is cut
// there, and counts as what remains: a repeat or run of the least length or more, or a word that is listed itself.
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
