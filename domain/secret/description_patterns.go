package secret

import "math"

// The minimum lengths of parts, and the bits of what identifies them, beside their length.
const (
	minCopy        = 2
	minProgression = 3
	maxPeriod      = 12
)

// progressionBits is the length of the code of a layout, a kind of progression and a period.
var progressionBits = float32(math.Log2(float64(2 * maxPeriod * len(layouts))))

// findCopies finds the longest copy of an earlier part at each character, and the longest reversed
// one. A copy may overlap the part that it copies.
func (d *description) findCopies() {
	n := len(d.folded)
	same := make([]uint16, n+1)
	for i := n - 1; i > 0; i-- {
		longest := uint16(0)
		for j := range i {
			if d.text[j] != d.text[i] {
				same[j] = 0
				continue
			}
			same[j] = same[j+1] + 1
			longest = max(longest, same[j])
		}
		d.copies[i] = longest
	}
	// back[j] is how far text from i on is the text from j on backwards.
	back := make([]uint16, n+1)
	for i := n - 1; i > 0; i-- {
		longest := uint16(0)
		// Row i is computed from row i+1 in place, from the right: it reads what is left of it.
		for j := i - 1; j >= 0; j-- {
			switch {
			case d.folded[j] != d.folded[i]:
				back[j] = 0
			case j == 0:
				back[j] = 1
			default:
				back[j] = back[j-1] + 1
			}
			longest = max(longest, back[j])
		}
		d.reversed[i] = longest
	}
}

// findProgressions finds the longest progression at each character: each character is as far from
// the one a period before as that one is from the one before it, or as the character before is from
// the one a period before it.
func (d *description) findProgressions() {
	n := len(d.folded)
	at := make([]uint32, n)
	for l := range layouts {
		for i, c := range d.folded {
			at[i] = layouts[l].angles[c]
		}
		for period := 1; period <= maxPeriod && period < n; period++ {
			d.progress(at, period, period)
			if period > 1 {
				d.progress(at, period, 1)
			}
		}
	}
}

// progress updates the progressions in which each character is as far from the one lag before as
// the one a period before is from the one lag before it.
func (d *description) progress(at []uint32, period, lag int) {
	run := uint16(0)
	for i := len(at) - 1; i >= period+lag; i-- {
		if at[i]-at[i-lag]-at[i-period]+at[i-period-lag]+tolerance >= 2*tolerance {
			run = 0
			continue
		}
		if run++; run > d.progressions[i] {
			d.progressions[i] = run
		}
	}
}
