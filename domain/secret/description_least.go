package secret

// findSteps sets the costs of the steps on each layout, and the least that each character costs in
// a part or on a walk.
func (d *description) findSteps() {
	n := len(d.text)
	d.cover = make([]float32, n)
	for i := range d.cover {
		d.cover[i] = unlikely
	}
	d.steps = make([][]float32, len(layouts))
	costs := make([]float32, n*len(layouts))
	for l := range layouts {
		d.steps[l], costs = costs[:n], costs[n:]
		last := int16(noStep)
		for i := range n {
			next := int16(noStep)
			if i > 0 {
				next = layouts[l].step(d.folded[i-1], d.folded[i])
			}
			if d.steps[l][i] = unlikely; next != noStep {
				d.steps[l][i] = layouts[l].bits(last, next) + d.shift(l, i)
				d.cover[i] = min(d.cover[i], d.steps[l][i])
			}
			last = next
		}
	}
	for i := range n {
		place := placeBits[i]
		d.coverWith(d.cover, i, int(d.copies[i]), leastOf[kindCopy]+place)
		d.coverWith(d.cover, i, int(d.reversed[i]), leastOf[kindReversed]+place)
		d.coverWith(d.cover, i, int(d.progressions[i]), leastOf[kindProgression]+progressionBits)
		d.coverWith(d.cover, i, int(d.sequences[i]), leastOf[kindSequence]+sequenceBits)
		d.coverWith(d.cover, i, int(d.hexWords[i]), leastOf[kindHexWord]+hexWordBits)
		d.coverWith(d.cover, i, int(d.series[i]), leastOf[kindSeries]+seriesBits)
		if i == 0 || d.class[i] != classDigit {
			run := 0
			for i+run < n && d.class[i+run+1] == classDigit {
				run++
			}
			d.coverWith(d.cover, i, run, leastOf[kindNumber]+numberCosts[1]+float32(run)*digitBits)
		}
	}
}

// leastOf is the least cost of each kind.
var leastOf = func() (least [kinds]float32) {
	for kind, costs := range kindCosts {
		least[kind] = costs[0]
		for _, cost := range costs {
			least[kind] = min(least[kind], cost)
		}
	}
	return least
}()

// coverWith lowers the least cost of the characters that a part may include.
func (d *description) coverWith(cover []float32, from, length int, bits float32) {
	if length == 0 {
		return
	}
	bits = (bits + 1) / float32(length) // the code of a length has at least one bit
	for i := from; i < from+length; i++ {
		cover[i] = min(cover[i], bits)
	}
}

// least returns a lower bound of the cost of the text from each character on: the sum of the lower
// bounds of its characters. It is enough to recognize most random texts, without the search for the
// shortest code.
func (d *description) least(style style, readings *[128][]reading, listed []uint16) []float32 {
	n := len(d.text)
	least := make([]float32, n+1)
	copy(least, d.cover)
	for i, lengths := range listed[:n] {
		if lengths != 0 {
			d.coverWith(least, i, highest(lengths), leastOf[kindListed]+listedBits-1)
		}
	}
	costs := letterCosts()
	for i, c := range d.folded {
		bits := min(least[i], leastOf[kindOther]+otherBits)
		if d.class[i+1] == classMark {
			bits = min(bits, leastOf[kindMark]+d.marks[i])
		}
		for _, r := range readings[c] {
			letter := costs[wordStart][r.letter] + leastOf[kindWord]
			if i > 0 {
				for _, one := range readings[d.folded[i-1]] {
					letter = min(letter, costs[letterEnd*letterSymbols+int(one.letter)][r.letter])
					if i == 1 {
						continue
					}
					for _, two := range readings[d.folded[i-2]] {
						letter = min(letter,
							costs[int(two.letter)*letterSymbols+int(one.letter)][r.letter])
					}
				}
			}
			bits = min(bits, letter+r.bits+min(style.first[i], style.inside[i]))
		}
		least[i] = bits
	}
	for i := n - 1; i >= 0; i-- {
		least[i] += least[i+1]
	}
	return least
}
