package secret

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"sync"
)

// minSequence is the minimum length of a part of a known sequence, and minSeries of a part of a
// series of numbers.
const (
	minSequence = 4
	minSeries   = 3
)

// knownSequences and knownHexWords are sequences that people know; the comments at the top of the
// files say which.
var (
	//go:embed sequences.txt
	knownSequences string
	//go:embed hexwords.txt
	knownHexWords string
)

// A book is a text that parts may be copied from.
type book struct {
	text string
	at   map[string][]uint16 // where each minSequence characters are
}

func newBook(list string) book {
	b := book{text: strings.Join(entries(list), "\x00"), at: map[string][]uint16{}}
	for i := range len(b.text) - minSequence + 1 {
		gram := b.text[i : i+minSequence]
		b.at[gram] = append(b.at[gram], uint16(i))
	}
	return b
}

var (
	sequencesBook = sync.OnceValue(func() book { return newBook(knownSequences) })
	hexWordsBook  = sync.OnceValue(func() book { return newBook(knownHexWords) })
)

// The bits of a place in a book; a test checks that the books are no longer.
const (
	sequenceBits = 11
	hexWordBits  = 8
)

// longest returns the length of the longest start of a text that is in the book; 0 if it is shorter
// than minSequence.
func (b book) longest(text []byte) (longest int) {
	if len(text) < minSequence {
		return 0
	}
	for _, at := range b.at[string(text[:minSequence])] {
		n := minSequence
		for int(at)+n < len(b.text) && n < len(text) && b.text[int(at)+n] == text[n] {
			n++
		}
		longest = max(longest, n)
	}
	return longest
}

// findSequences finds the longest part of a known sequence at each character.
func (d *description) findSequences() {
	sequences, hexWords := sequencesBook(), hexWordsBook()
	for i := range d.folded {
		d.sequences[i] = uint16(sequences.longest(d.folded[i:]))
		d.hexWords[i] = uint16(hexWords.longest(d.folded[i:]))
	}
}

// maxWidth is the maximum number of digits of the numbers that a series starts with.
const maxWidth = 6

// seriesBits is the length of the code of a rule and of the widths of two numbers.
var seriesBits = float32(math.Log2(seriesRules * maxWidth * maxWidth))

// seriesRules is the number of rules of nextNumber.
const seriesRules = 3

// nextNumber returns the number after a and b: their sum, as far from b as b from a, or as many
// times b as b is of a. It returns 0 if there is none.
func nextNumber(rule int, a, b uint64) uint64 {
	switch {
	case rule == 0:
		return a + b
	case rule == 1 && b > a:
		return b + (b - a)
	case rule == 2 && a > 0 && b > a && b%a == 0 && b < 1<<40:
		return b * (b / a)
	}
	return 0
}

// findSeries finds the longest series of numbers, without anything between them, that continues two
// numbers at each character.
func (d *description) findSeries() {
	for i := 2; i < len(d.text); i++ {
		if d.class[i+1] != classDigit || d.class[i] != classDigit {
			continue
		}
		for second := 1; second <= maxWidth && second < i; second++ {
			b, ok := d.number(i-second, i)
			if !ok {
				break
			}
			for first := 1; first <= maxWidth && first+second <= i; first++ {
				a, ok := d.number(i-second-first, i-second)
				if !ok {
					break
				}
				for rule := range seriesRules {
					n := d.seriesLength(i, rule, a, b)
					d.series[i] = max(d.series[i], uint16(n))
				}
			}
		}
	}
}

// number returns the value of the digits text[from:to]; ok is false if they are not all digits.
func (d *description) number(from, to int) (n uint64, ok bool) {
	for i := from; i < to; i++ {
		if d.class[i+1] != classDigit {
			return 0, false
		}
		n = n*10 + uint64(d.text[i]-'0')
	}
	return n, true
}

// seriesLength returns how many characters from i on continue the series of a and b.
func (d *description) seriesLength(i, rule int, a, b uint64) int {
	from := i
	var digits [20]byte
	for b < 1<<60 {
		next := nextNumber(rule, a, b)
		if next == 0 {
			break
		}
		text := strconv.AppendUint(digits[:0], next, 10)
		n := 0
		for n < len(text) && i+n < len(d.text) && d.text[i+n] == text[n] {
			n++
		}
		if i += n; n < len(text) {
			break
		}
		a, b = b, next
	}
	return i - from
}
