package secret

import "math/bits"

// pass returns the length of the shortest code with one style of case, and with or without
// leetspeak, or a value of at least limit. It starts with the bits of these two.
func (d *description) pass(style style, bits, limit float32, readings *[128][]reading,
	listed []uint16) float32 {
	n := len(d.text)
	rest := d.least(style, readings, listed)
	if bits+rest[0] >= limit {
		return limit
	}
	for i := range d.best {
		d.best[i] = unlikely
		d.open[i] = d.open[i][:0]
		for _, w := range d.walk {
			w[i] = unlikely
		}
	}
	d.best[0] = bits
	costs, all := letterCosts(), limit
	// inside has the cost of the case of all letters before each character.
	inside := make([]float32, n+1)
	for i := range n {
		inside[i+1] = inside[i] + style.inside[i]
	}
	none := make([]float32, n+1)
	for i := range n + 1 {
		for _, w := range d.open[i] {
			d.best[i] = min(d.best[i], w.bits+costs[w.context][letterEnd])
		}
		for _, w := range d.walk {
			d.best[i] = min(d.best[i], w[i]+walkEnds)
		}
		if i == n {
			break
		}
		limit := all - rest[i]
		c := d.folded[i]
		for _, w := range d.open[i] {
			if w.bits >= limit {
				continue
			}
			for _, r := range readings[c] {
				d.extend(i+1, w.context, r, w.bits+style.inside[i], costs)
			}
		}
		d.walkOn(i, limit, style)
		start, class := d.best[i], d.class[i]
		if start >= limit {
			continue
		}
		cost := func(kind kind) float32 { return start + kindCosts[kind][class] }
		to := func(end int, bits float32) { d.best[end] = min(d.best[end], bits) }
		for _, r := range readings[c] {
			d.extend(i+1, wordStart, r, cost(kindWord)+style.first[i], costs)
		}
		for found := listed[i]; found != 0; found &= found - 1 {
			length := lowest(found)
			to(i+length, cost(kindListed)+listedBits+style.first[i]+inside[i+length]-inside[i+1]+
				d.spelling(i, i+length, readings))
		}
		for k := 1; i+k <= n && d.class[i+k] == classDigit; k++ {
			if k < len(numberCosts) {
				to(i+k, cost(kindNumber)+numberCosts[k]+float32(k)*digitBits)
			} else {
				to(i+k, cost(kindNumber)+longNumber+float32(k-len(numberCosts))*moreDigits+
					float32(k)*digitBits)
			}
		}
		if d.class[i+1] == classMark {
			to(i+1, cost(kindMark)+d.marks[i])
		}
		to(i+1, cost(kindOther)+otherBits)
		part := func(kind kind, shortest, longest int, bits float32, cases []float32) {
			for k := shortest; k <= longest; k++ {
				to(i+k, cost(kind)+bits+lengthBits(k-shortest+1)+cases[i+k]-cases[i])
			}
		}
		place := placeBits[i]
		part(kindCopy, minCopy, int(d.copies[i]), place, none)
		part(kindReversed, minCopy, int(d.reversed[i]), place, inside)
		part(kindProgression, minProgression, int(d.progressions[i]), progressionBits, inside)
		part(kindSequence, minSequence, int(d.sequences[i]), sequenceBits, inside)
		part(kindHexWord, minSequence, int(d.hexWords[i]), hexWordBits, inside)
		part(kindSeries, minSeries, int(d.series[i]), seriesBits, inside)
		for l := range layouts {
			if layouts[l].codes[c] != 0 {
				d.walk[l][i+1] = min(d.walk[l][i+1], cost(kindWalk)+layoutBits+layouts[l].enter+
					style.inside[i]+d.shift(l, i))
			}
		}
	}
	return d.best[n]
}

// walkOn extends the walks by one character.
func (d *description) walkOn(i int, limit float32, style style) {
	for l, w := range d.walk {
		if w[i] < limit {
			w[i+1] = min(w[i+1], w[i]+d.steps[l][i]+style.inside[i])
		}
	}
}

// shift returns the cost of whether the key of character i is pressed with shift, on a layout that
// has keys with shift; 0 for a letter, whose case is part of the style.
func (d *description) shift(layout, i int) float32 {
	if layouts[layout].keys < minKeyboard || d.class[i+1] == classLetter {
		return 0
	}
	return d.shifts[i]
}

// extend adds the word that ends at end with reading r after context, unless a shorter code of the
// same last two letters is known.
func (d *description) extend(end int, context uint16, r reading, bits float32,
	costs *[letterContexts][letterSymbols]float32) {
	bits += r.bits + costs[context][r.letter]
	context = context%letterSymbols*letterSymbols + uint16(r.letter)
	for j := range d.open[end] {
		if d.open[end][j].context == context {
			d.open[end][j].bits = min(d.open[end][j].bits, bits)
			return
		}
	}
	d.open[end] = append(d.open[end], word{context, bits})
}

// spelling returns the cost of how each letter of a listed word is written.
func (d *description) spelling(from, to int, readings *[128][]reading) (bits float32) {
	for _, c := range d.folded[from:to] {
		cost := float32(0)
		for _, r := range readings[c] {
			cost = max(cost, r.bits)
		}
		bits += cost
	}
	return bits
}

// lowest returns the index of the lowest bit that is set.
func lowest(set uint16) int { return bits.TrailingZeros16(set) }

// highest returns the index of the highest bit that is set; -1 if none is.
func highest(set uint16) int { return bits.Len16(set) - 1 }

// lengthBits returns the length of a code of whole numbers from 1 (Elias gamma).
func lengthBits(n int) float32 { return float32(2*bits.Len(uint(n)) - 1) }
