package secret

import (
	"math/bits"
	"strings"
)

// sequences are the sequences that runs follow, each forwards and backwards.
var sequences = [...]string{
	"abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba",
	"01234567890", "09876543210",
	"qwertyuiop", "poiuytrewq",
	"asdfghjkl", "lkjhgfdsa",
	"zxcvbnm", "mnbvcxz",
}

// followers has, for each symbol, a bit for each symbol that follows it in a sequence.
var followers = func() (follow [noSymbol + 1]uint64) {
	for _, sequence := range sequences {
		for i := 1; i < len(sequence); i++ {
			follow[symbol(rune(sequence[i-1]))] |= 1 << symbol(rune(sequence[i]))
		}
	}
	return follow
}()

// place holds the matches that start at one character of a text.
type place struct {
	// pattern is the length of the longest repeat or run; every shorter length, down to the
	// minimum, is a match too.
	pattern uint16
	words   uint16 // bit n: a listed word of n characters
	matched bool   // the character is part of a selected match
}

// markPatterns records repeats of an earlier part, and runs, of at least minPattern characters.
func markPatterns(text []rune, places []place, minPattern int) {
	if mayRepeat(text, minPattern) {
		markRepeats(text, places, minPattern)
	}
	for i := range text {
		if n := runLength(text[i:]); n >= minPattern {
			places[i].pattern = max(places[i].pattern, uint16(n))
		}
	}
}

// markWords records listed words: of 3 characters or more anywhere, of 2 if they stand alone.
func markWords(text []rune, places []place) {
	listed := words()
	for i := range text {
		found := listed.lengths(text[i:], true)
		if found&(1<<2) != 0 && !standsAlone(text, i, i+2) {
			found &^= 1 << 2
		}
		places[i].words = found
	}
}

// mayRepeat is a fast check that avoids the full search for most random texts: false is definite,
// true is not. minPattern is at most 8.
func mayRepeat(text []rune, minPattern int) bool {
	// One bit for each hash of a window of minPattern characters. Only the low byte of a character
	// is used.
	var seen [256]uint64
	window, mask := uint64(0), ^uint64(0)>>(64-8*minPattern)
	for i, r := range text {
		window = (window<<8 | uint64(byte(r))) & mask
		if i+1 < minPattern {
			continue
		}
		hash := window * 0x9E3779B97F4A7C15 >> 50 // Fibonacci hashing
		if seen[hash>>6]>>(hash&63)&1 != 0 {
			return true
		}
		seen[hash>>6] |= 1 << (hash & 63)
	}
	return false
}

// markRepeats finds for each place the longest part of the text that also starts earlier. The two
// may overlap, so "aaaaa" is a character and a repeat of four.
func markRepeats(text []rune, places []place, minPattern int) {
	// same[j] is the length of the common prefix of text[i:] and text[j:]. Row i is computed from
	// row i+1 in place, because j increases and reads what row i+1 left at j+1.
	same := make([]uint16, len(text)+1)
	for i := len(text) - 1; i > 0; i-- {
		longest, first := uint16(0), text[i]
		for j, r := range text[:i] {
			if r != first {
				same[j] = 0
				continue
			}
			same[j] = same[j+1] + 1
			longest = max(longest, same[j])
		}
		if int(longest) >= minPattern {
			places[i].pattern = longest
		}
	}
}

// runLength returns the number of characters at the start of a text that follow a sequence; 1 if
// not even two do.
func runLength(text []rune) int {
	if len(text) < 2 || followers[symbol(text[0])]>>symbol(text[1])&1 == 0 {
		return 1
	}
	longest := 1
	for _, sequence := range sequences {
		// The first occurrence is the right one: 0, the only character that occurs twice, is
		// followed by nothing at its second.
		at := strings.IndexRune(sequence, text[0])
		if at < 0 {
			continue
		}
		n := 1
		for n < len(text) && at+n < len(sequence) && rune(sequence[at+n]) == text[n] {
			n++
		}
		longest = max(longest, n)
	}
	return longest
}

// longestWord returns the length of the longest word of at most limit characters.
func (p place) longestWord(limit int) int {
	if limit < maxWord {
		p.words &= 1<<(limit+1) - 1
	}
	return max(0, bits.Len16(p.words)-1)
}
