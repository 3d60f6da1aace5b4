package secret

// A style is a way to use capitals: the cost of each letter's case, as the first of a word and
// inside one.
type style struct {
	bits          float32
	first, inside []float32
}

// The costs of the case of letters where words begin with a capital.
var (
	upperFirst, lowerFirst   = bitsOfChance(0.9), bitsOfChance(0.1)
	upperInside, lowerInside = bitsOfChance(0.02), bitsOfChance(0.98)
)

// styles returns the styles that a text may have. One case throughout is a style, and so are words
// that begin with a capital; otherwise the case of a letter depends on those of the two letters
// before it.
func (d *description) styles() []style {
	lower, upper := 0, 0
	for i, c := range d.text {
		if d.class[i+1] != classLetter {
			continue
		}
		if isUpper(c) {
			upper++
		} else {
			lower++
		}
	}
	n := len(d.text)
	if lower == 0 || upper == 0 {
		none := make([]float32, n)
		bits := bitsOfChance(0.5)
		if upper > 0 {
			bits = bitsOfChance(0.25)
		}
		return []style{{bits, none, none}}
	}
	title := style{bitsOfChance(0.125), make([]float32, n), make([]float32, n)}
	mixed := style{bits: bitsOfChance(0.125), first: make([]float32, n)}
	mixed.inside = mixed.first
	var coin coin
	context := 0
	for i, c := range d.text {
		if d.class[i+1] != classLetter {
			continue
		}
		outcome := 0
		title.first[i], title.inside[i] = lowerFirst, lowerInside
		if isUpper(c) {
			outcome = 1
			title.first[i], title.inside[i] = upperFirst, upperInside
		}
		mixed.first[i] = coin.toss(context, outcome)
		context = context<<1&3 | outcome
	}
	if upper > lower/2 {
		return []style{mixed} // too many capitals to begin words with
	}
	return []style{title, mixed}
}
