package secret

import "strings"

// A description finds the shortest code of a text by a model of what people choose. The code is
// made of parts: words, numbers, marks, copies of earlier parts, progressions, walks on keyboards,
// known sequences. Each part costs the bits of its kind, which depend on the class of the character
// before, and of its content. Everything that the code depends on is known to a reader of the text
// so far, so that it could be decoded, and no two texts have the same code.
type description struct {
	text   []byte // the characters
	folded []byte // the same in lower case
	class  []class
	marks  []float32 // the cost of each character as a mark
	shifts []float32 // the cost of each digit or mark as a key with or without shift
	// The longest part of each kind that starts at each character.
	copies, reversed, progressions, sequences, hexWords, series []uint16
	// words has a bit for the length of each listed word.
	words []uint16
	leet  []uint16 // the same, with leetspeak

	// steps has, for each layout, the cost of each character after the one before it on a walk.
	steps [][]float32
	// cover is a lower bound of the cost of each character in the parts above that include it, or
	// on a walk.
	cover []float32

	best []float32 // the shortest code of the text up to each character
	walk [][]float32
	open [][]word // the words that end with each character and may continue
}

// word is a word that may continue: its last two letters, and the shortest code up to them.
type word struct {
	context uint16
	bits    float32
}

// class is the class of a character.
type class uint8

const (
	classStart class = iota // there is no character
	classLetter
	classDigit
	classMark
	numClasses
)

// kind is the kind of a part.
type kind uint8

const (
	kindWord kind = iota
	kindListed
	kindNumber
	kindMark
	kindCopy
	kindReversed
	kindProgression
	kindSequence
	kindHexWord
	kindSeries
	kindWalk
	kindOther // one character of any kind
	kinds
)

// kindChances are the chances of each kind in percent, by the class of the character before. The
// sum of each column is at most 100.
var kindChances = [kinds][numClasses]float64{
	//                start letter digit mark
	kindWord:        {50, 25, 29, 53},
	kindListed:      {10, 10, 10, 12},
	kindNumber:      {9, 20, 2, 11},
	kindMark:        {5, 25, 20, 5},
	kindCopy:        {1, 6, 12, 8},
	kindReversed:    {1, 1, 1, 1},
	kindProgression: {1, 4, 6, 2},
	kindSequence:    {3, 2, 3, 2},
	kindHexWord:     {4, 2, 3, 1},
	kindSeries:      {1, 1, 4, 1},
	kindWalk:        {13, 2, 8, 2},
	kindOther:       {1, 1, 1, 1},
}

// kindCosts are the lengths of the codes of kindChances.
var kindCosts = func() (costs [kinds][numClasses]float32) {
	for kind, row := range kindChances {
		for class, chance := range row {
			costs[kind][class] = bitsOfChance(chance / 100)
		}
	}
	return costs
}()

// numberCosts are the lengths of the codes of the number of digits, from 1 to 4. Longer numbers
// cost longNumber, and moreDigits for each digit after the fifth.
var numberCosts = [...]float32{0, bitsOfChance(0.3), bitsOfChance(0.2), bitsOfChance(0.15),
	bitsOfChance(0.2)}

var (
	digitBits  = bitsOfChance(0.1)
	longNumber = bitsOfChance(0.04)
	moreDigits = bitsOfChance(0.7)
	// otherBits is the length of the code of a character of any kind.
	otherBits = bitsOfChance(1.0 / 96)
	// listedBits is the length of the code of a listed word; a test checks that there are no more.
	listedBits = bitsOfChance(1.0 / 2400)
	layoutBits = bitsOfChance(1 / float64(len(layouts)))
	// placeBits are the lengths of the codes of one of the places before each character.
	placeBits = func() (costs [maxLength]float32) {
		for i := 1; i < len(costs); i++ {
			costs[i] = bitsOfChance(1 / float64(i))
		}
		return costs
	}()
)

func newDescription(text []byte) *description {
	n := len(text)
	d := &description{text: text, folded: make([]byte, n), class: make([]class, n+1)}
	for i, c := range text {
		d.folded[i] = c
		switch {
		case isUpper(c):
			d.folded[i] = c - 'A' + 'a'
			d.class[i+1] = classLetter
		case 'a' <= c && c <= 'z':
			d.class[i+1] = classLetter
		case '0' <= c && c <= '9':
			d.class[i+1] = classDigit
		default:
			d.class[i+1] = classMark
		}
	}
	lengths := make([]uint16, 8*(n+1))
	for _, l := range []*[]uint16{&d.copies, &d.reversed, &d.progressions, &d.sequences,
		&d.hexWords, &d.series, &d.words, &d.leet} {
		*l, lengths = lengths[:n+1], lengths[n+1:]
	}
	d.findCopies()
	d.findProgressions()
	d.findSequences()
	d.findSeries()
	d.findWords()
	d.marks = d.markCosts()
	d.shifts = d.shiftCosts()
	d.findSteps()
	d.best = make([]float32, n+1)
	d.open = make([][]word, n+1)
	// At most six words end with a character: it has at most two readings, and before it is one of
	// at most two readings of another character, or the start of the word.
	room := make([]word, 6*(n+1))
	for i := range d.open {
		d.open[i], room = room[:0:6], room[6:]
	}
	d.walk = make([][]float32, len(layouts))
	for i := range d.walk {
		d.walk[i] = make([]float32, n+1)
	}
	return d
}

// findWords finds the listed words of 3 letters or more.
func (d *description) findWords() {
	text := make([]rune, len(d.folded))
	for i, c := range d.folded {
		text[i] = rune(c)
	}
	for i := range text {
		d.words[i] = words().lengths(text[i:], false) &^ 7
		d.leet[i] = words().lengths(text[i:], true) &^ 7
	}
}

// markCosts returns the cost of each character as a mark. The more often a mark has occurred, the
// less it costs.
func (d *description) markCosts() []float32 {
	const frequent, rare = 0.6, 0.06
	var counts [128]float64
	total := 0.0
	for c := range counts {
		counts[c] = rare
	}
	for _, c := range []byte(" -_./:") {
		counts[c] = frequent
	}
	for c := range counts {
		if c >= ' ' && isMark(byte(c)) {
			total += counts[c]
		}
	}
	costs := make([]float32, len(d.text))
	for i, c := range d.text {
		if d.class[i+1] == classMark {
			costs[i] = bitsOfChance(counts[c] / total)
			counts[c]++
			total++
		}
	}
	return costs
}

// shiftCosts returns, for each character that is not a letter, the cost of whether its key is
// pressed with shift, given the previous such character.
func (d *description) shiftCosts() []float32 {
	costs := make([]float32, len(d.text))
	var coin coin
	last := 0
	for i, c := range d.text {
		if d.class[i+1] == classLetter {
			continue
		}
		shift := 0
		if strings.IndexByte(upperMarks, c) >= 0 {
			shift = 1
		}
		costs[i] = coin.toss(last, shift)
		last = shift
	}
	return costs
}

// coin learns how often each of two outcomes follows in each of four contexts (Krichevsky and
// Trofimov, 1981).
type coin [4][2]float64

// toss returns the cost of an outcome in a context, and learns it.
func (c *coin) toss(context, outcome int) float32 {
	counts := &c[context]
	cost := bitsOfChance((counts[outcome] + 0.5) / (counts[0] + counts[1] + 1))
	counts[outcome]++
	return cost
}

// bits returns the length of the shortest code, or a value of at least limit.
func (d *description) bits(limit float32) float32 {
	shortest := float32(unlikely)
	for _, style := range d.styles() {
		shortest = min(shortest, d.pass(style, style.bits+plainBits, limit, &plainReadings, d.words))
		if d.mayBeLeet() {
			shortest = min(shortest, d.pass(style, style.bits+leetBits, limit, &leetReadings, d.leet))
		}
	}
	return shortest
}

// plainBits and leetBits are the lengths of the codes of a text without and with leetspeak.
var plainBits, leetBits = bitsOfChance(0.75), bitsOfChance(0.25)

// mayBeLeet reports whether the text has several characters that may stand for letters.
func (d *description) mayBeLeet() bool {
	n := 0
	for i, c := range d.folded {
		if d.class[i+1] != classLetter && len(leetReadings[c]) > 0 {
			n++
		}
	}
	return n > 2
}
