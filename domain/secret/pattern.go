package secret

import (
	"math/bits"
	"strings"
)

// sequences are what runs follow, each forwards and backwards.
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

// place tells what may be found in a text from one of its characters on.
type place struct {
	pattern uint16 // characters of the longest repeat or run; every shorter one, down to the least length, is one too
	words   uint16 // bit n: a listed word of n characters
	taken   bool   // the character is part of a found stretch
}

// markPatterns notes the repeats of an earlier part and the runs, of at least least characters.
func markPatterns(text []rune, places []place, least int) {
	if mayRepeat(text, least) {
		markRepeats(text, places, least)
	}
	for i := range text {
		if n := runLength(text[i:]); n >= least {
			places[i].pattern = max(places[i].pattern, uint16(n))
		}
	}
}

// markWords notes the listed words: of 3 characters or more anywhere, of 2 where they stand alone.
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

// mayRepeat is a quick look that spares most random texts the full search: false is sure, true is not. least is 8 at most.
func mayRepeat(text []rune, least int) bool {
	// One bit for each hash of a window of least characters. Only the low byte of a character enters.
	var seen [256]uint64
	window, mask := uint64(0), ^uint64(0)>>(64-8*least)
	for i, r := range text {
		window = (window<<8 | uint64(byte(r))) & mask
		if i+1 < least {
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

// markRepeats finds for each place the longest stretch that also begins earlier. The two may overlap, so "aaaaa" is a character
// and a repeat of four.
func markRepeats(text []rune, places []place, least int) {
	// same[j] is the length of what text[i:] and text[j:] have in common at their beginnings. Row i follows from row i+1 in place, since
	// j goes upwards and reads what row i+1 left at j+1.
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
		if int(longest) >= least {
			places[i].pattern = longest
		}
	}
}

// runLength tells how many characters from the beginning of a text on follow a sequence; 1 where not even two do.
func runLength(text []rune) int {
	if len(text) < 2 || followers[symbol(text[0])]>>symbol(text[1])&1 == 0 {
		return 1
	}
	longest := 1
	for _, sequence := range sequences {
		// The first place is the one to take: 0, the only character with two, is followed by nothing at its second.
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

// longestWord gives the characters of the longest word that fits into room characters.
func (p place) longestWord(room int) int {
	if room < maxWord {
		p.words &= 1<<(room+1) - 1
	}
	return max(0, bits.Len16(p.words)-1)
}
