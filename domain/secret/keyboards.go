package secret

import "math"

// A layout places characters, so that a step from one to the next has a direction. Most layouts are
// keyboards. On a ring, the step from the last character leads to the first.
type layout struct {
	// codes holds the places: 0 if there is none, otherwise 1 + column + rowSize*row.
	codes [128]int16
	keys  int
	ring  [2]int16 // the length of each row of rings; 0 for a keyboard
	// costs holds the bits of each step, from the lowest.
	costs [2*lastStep + 1]float32
	enter float32 // the bits of a first key
	// angles holds the places for sums and differences modulo 2^32. A ring is a whole turn. They
	// differ by more than tolerance, except for those of one key with and without shift.
	angles [128]uint32
}

// tolerance is greater than the rounding error of the sum of four angles.
const tolerance = 1 << 8

const (
	rowSize  = 32
	lastStep = 5 * rowSize
)

// noStep is the step between two characters of which a layout lacks one, or that are on different
// rings.
const noStep = math.MinInt16

// The bits of a walk: the same step again is likely, then one key up, down or aside, one key
// diagonally or none, and last of all any key.
var (
	stepAgain     = bitsOfChance(0.55)
	stepStraight  = bitsOfChance(0.20 / 4)
	stepDiagonal  = bitsOfChance(0.10 / 5)
	stepElsewhere = 0.08 // the chance of all keys together
	walkEnds      = bitsOfChance(0.07)
)

// layouts are what people walk on: the alphabet and the digits, the digits of hex, the keyboards
// qwerty, qwertz, azerty, Dvorak and Colemak, and a block of digits.
var layouts = []layout{
	rings("abcdefghijklmnopqrstuvwxyz", "0123456789"),
	rings("0123456789abcdef"),
	keyboard("1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"),
	keyboard("1234567890-=", "qwertzuiop[]", "asdfghjkl;'", "yxcvbnm,./"),
	keyboard("1234567890-=", "azertyuiop[]", "qsdfghjklm'", "wxcvbn,;:!"),
	keyboard("1234567890[]", "',.pyfgcrl/=", "aoeuidhtns-", ";qjkxbmwvz"),
	keyboard("1234567890-=", "qwfpgjluy;[]\\", "arstdhneio'", "zxcvbkm,./"),
	keyboard("789", "456", "123", "0"),
}

// lowerMarks and upperMarks are the characters of the keys that are not letters, on a keyboard of
// the United States, without and with shift.
const (
	lowerMarks = `1234567890-=[]\;',./`
	upperMarks = `!@#$%^&*()_+{}|:"<>?`
)

// minKeyboard is the minimum number of keys of a layout that has keys with shift.
const minKeyboard = 40

// rings returns the layout with a ring for each row.
func rings(rows ...string) layout {
	var l layout
	for row, characters := range rows {
		l.ring[row] = int16(len(characters))
	}
	l.place(rows)
	for row, characters := range rows {
		turn := uint32(math.MaxUint32/len(characters)) + 1
		for column := range len(characters) {
			// Rows are apart, so that no two characters have the same angle.
			l.angles[characters[column]] = uint32(column)*turn + uint32(row)<<25
		}
	}
	for i := range l.costs {
		// A layout with two rings has steps of both lengths; one back is the longest of each.
		switch int16(i - lastStep) {
		case 1, l.ring[0] - 1, l.ring[1] - 1:
			l.costs[i] = stepStraight
		case 0:
			l.costs[i] = stepDiagonal
		}
	}
	return l
}

// keyboard returns the layout of a keyboard with these rows of keys, without shift.
func keyboard(rows ...string) layout {
	var l layout
	l.place(rows)
	if l.keys >= minKeyboard {
		for i := range len(upperMarks) {
			if upper := &l.codes[upperMarks[i]]; *upper == 0 {
				*upper = l.codes[lowerMarks[i]]
			}
		}
	}
	for c, code := range l.codes {
		if code != 0 {
			l.angles[c] = uint32(code) << 12
		}
	}
	for _, rows := range []int{-1, 0, 1} {
		for _, columns := range []int{-1, 0, 1} {
			cost := stepDiagonal
			if (rows == 0) != (columns == 0) {
				cost = stepStraight
			}
			l.costs[lastStep+rows*rowSize+columns] = cost
		}
	}
	return l
}

// place places the keys and sets the costs that depend on their number.
func (l *layout) place(rows []string) {
	for row, characters := range rows {
		for column := range len(characters) {
			l.codes[characters[column]] = int16(1 + column + rowSize*row)
		}
		l.keys += len(characters)
	}
	for c := range l.angles {
		// Characters without a place get angles far from each other (Fibonacci hashing): the
		// distance of two is 0 only if they are the same.
		l.angles[c] = uint32(c+1) * 0x9E3779B9
	}
	l.enter = bitsOfChance(1 / float64(l.keys))
	for i := range l.costs {
		l.costs[i] = bitsOfChance(stepElsewhere / float64(l.keys))
	}
}

// step returns the step from one character to another, or noStep.
func (l *layout) step(from, to byte) int16 {
	a, b := l.codes[from], l.codes[to]
	if a == 0 || b == 0 {
		return noStep
	}
	step := b - a
	if l.ring[0] == 0 {
		return step
	}
	row := a / rowSize
	if row != b/rowSize {
		return noStep
	}
	if step < 0 {
		step += l.ring[row]
	}
	return step
}

// bits returns the length of the code of a step after another one.
func (l *layout) bits(last, next int16) float32 {
	if last == next {
		return stepAgain
	}
	return l.costs[lastStep+int(next)]
}
