package secret

import (
	"math"
	"unicode"
)

// chosenBits is the number of bits by which a description as something that a person chose must be
// shorter than one as the output of a generator, for a secret to be refused. The descriptions by
// the model are a code, so at most one in 2^22 of the outputs of a generator has one so short.
const chosenBits = 22

// isChosen reports whether a text looks as if a person chose it. Any letter beyond ASCII does,
// because generators use none.
func isChosen(text []rune) bool {
	if len(text) > maxLength {
		text = text[:maxLength]
	}
	plain := make([]byte, len(text))
	for i, r := range text {
		switch {
		case r < ' ' || r == 0x7f:
			plain[i] = other
		case r < 0x7f:
			plain[i] = byte(r)
		case unicode.IsLetter(r):
			return true
		default:
			plain[i] = other
		}
	}
	limit := float32(generatorBits(plain) - chosenBits)
	return limit > 0 && newDescription(plain).bits(limit) < limit
}

// other replaces each character that is not printable ASCII.
const other = 0x7f

// bitsOfChance returns the length in bits of the code of an outcome with probability p.
func bitsOfChance(p float64) float32 { return float32(-math.Log2(p)) }

// unlikely is the length in bits of what has no description. It is longer than any description, and
// small enough that adding to it does not overflow.
const unlikely = math.MaxFloat32 / 4
