package strict

import (
	"encoding/binary"
	"math/bits"
)

// Texts are scanned in words of eight bytes, the first one in the lowest bits. In what below and is
// return, the high bit of each byte is the answer for the byte in its place. Only the first answer
// counts, because such a byte borrows from the next one; and none for bytes that are not ASCII.
const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// wordAt returns the word at an index.
func wordAt(text string, at int) uint64 {
	return binary.LittleEndian.Uint64([]byte(text[at : at+8])) // compiled to one load
}

// below answers which bytes are lower than limit.
func below(word uint64, limit byte) uint64 { return word - eachByte*uint64(limit) }

// is answers which bytes are c.
func is(word uint64, c byte) uint64 { return below(word^eachByte*uint64(c), 1) }

// firstByte returns the index of the first byte with an answer in its high bit.
func firstByte(answers uint64) int { return bits.TrailingZeros64(answers) / 8 }
