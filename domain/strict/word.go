package strict

import (
	"encoding/binary"
	"math/bits"
)

// Texts are scanned in words of eight bytes, the first byte in the lowest bits. The results of less
// and equal are marks: the high bit of a byte is set if the byte in its place of the word matches.
// Only the first mark is exact, because the subtraction borrows from the bytes after a match, and
// marks mean nothing for bytes that are not ASCII.
const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// wordAt returns the word at an index.
func wordAt(text string, at int) uint64 {
	return binary.LittleEndian.Uint64([]byte(text[at : at+8])) // compiled to one load
}

// less marks the bytes that are less than limit.
func less(word uint64, limit byte) uint64 { return word - eachByte*uint64(limit) }

// equal marks the bytes that are c.
func equal(word uint64, c byte) uint64 { return less(word^eachByte*uint64(c), 1) }

// firstMarked returns the index of the first byte that is marked.
func firstMarked(marks uint64) int { return bits.TrailingZeros64(marks) / 8 }
