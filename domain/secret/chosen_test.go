package secret

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDescriptionIsACode checks that the chances of what may follow do not exceed one. The bound of
// the rule on chosen secrets rests on it.
func TestDescriptionIsACode(t *testing.T) {
	chance := func(bits float32) float64 { return math.Exp2(-float64(bits)) }
	const little = 1e-5 // costs are rounded to single precision
	for class := range numClasses {
		sum := 0.0
		for kind := range kinds {
			sum += chance(kindCosts[kind][class])
		}
		require.LessOrEqual(t, sum, 1+little, "kinds after class %d", class)
	}
	numbers := 0.0
	for _, cost := range numberCosts[1:] {
		numbers += chance(cost)
	}
	for k := range 200 {
		numbers += chance(longNumber + float32(k)*moreDigits)
	}
	assert.LessOrEqual(t, numbers, 1+little, "lengths of numbers")
	for letter := range 26 {
		sum := 0.0
		for _, readings := range leetReadings {
			for _, r := range readings {
				if int(r.letter) == letter {
					sum += chance(r.bits)
				}
			}
		}
		assert.LessOrEqual(t, sum, 1+little, "ways to write letter %d", letter)
	}
	assert.LessOrEqual(t, chance(upperFirst)+chance(lowerFirst), 1+little)
	assert.LessOrEqual(t, chance(upperInside)+chance(lowerInside), 1+little)
	for i := range layouts {
		l := &layouts[i]
		for from := range 128 {
			if l.codes[from] == 0 {
				continue
			}
			for to := range 128 {
				if l.codes[to] != l.codes[from] {
					apart := l.angles[from] - l.angles[to] + tolerance
					require.GreaterOrEqual(t, apart, uint32(2*tolerance), "%q and %q", from, to)
				}
			}
			sum := chance(stepAgain) + chance(walkEnds)
			reached := map[int16]bool{}
			for to := range 128 {
				if step := l.step(byte(from), byte(to)); step != noStep && !reached[step] {
					reached[step] = true
					sum += chance(l.bits(noStep, step))
				}
			}
			assert.LessOrEqual(t, sum, 1+little, "steps on layout %d from %q", i, from)
		}
	}
	assert.LessOrEqual(t, len(entries(commonWords)), int(math.Exp2(float64(listedBits))+0.5))
	assert.LessOrEqual(t, len(sequencesBook().text), 1<<sequenceBits)
	assert.LessOrEqual(t, len(hexWordsBook().text), 1<<hexWordBits)
	for _, text := range []string{"a-b_c d.e/f:g,h", "----------", "~!@#$%^&*()"} {
		d := newDescription([]byte(text))
		for i, cost := range d.marks {
			assert.True(t, d.class[i+1] != classMark || cost > 0, "mark %d of %s", i, text)
		}
	}
}

func TestGeneratorBits(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       float64
	}{
		{"hex", strings.Repeat("0123456789abcdef", 2), 128},
		{"hex in upper case", strings.Repeat("0123456789ABCDEF", 2), 128},
		{"a UUID", "56692b09-75c6-47da-9396-213150e17853", 122},
		{"32 bytes in base64", "L8B9KEhI82XrLf2luzis2HixXJ+9pVoUmVXb4NRKU20=", 256},
		{"the same without padding", "L8B9KEhI82XrLf2luzis2HixXJ+9pVoUmVXb4NRKU20", 256},
		{"base64url", "xSJmd-09H0na5mqyA71YnlD1QRNo3zjsyHGzu2iZtJc", 256},
		{"base32", "LUOXUQ75A7D7VC64TBITUUEICUED7MCGRVAIYTII", 200},
		{"letters and digits", "iyuoespmfoqkwl8wtcehk0c8c1rgsj58519yf2s7", 40 * math.Log2(36)},
		{"digits", "2718281845904523536028747135266249", 34 * math.Log2(10)},
		{"marks too", "a-B.1", 5 * math.Log2(95)},
		{"hex and more", "d4f0b11af3e742e5b006f9f98f4f9c2f-xyz", 128 + 4*math.Log2(26+10+33)},
		{"nothing", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.InDelta(t, c.want, generatorBits([]byte(c.text)), 1e-9)
		})
	}
}

// TestChosen has one case for each kind of part, and random texts beside them.
func TestChosen(t *testing.T) {
	for name, text := range map[string]string{
		"words":                     "purple velvet elephants quietly juggle oranges",
		"words with capitals":       "PurpleVelvetElephantsQuietlyJuggle",
		"leetspeak":                 "purp1e-v3lv3t-3l3ph@nt5-qu13tly-juggl3",
		"copies":                    "k9Qz7kk9Qz7kk9Qz7kk9Qz7kk9Qz7kk9Qz7k",
		"a copy backwards":          "k9Qz7XmWp4VtH2rR2Ht V4pWmX7zQ9kk9Qz7",
		"a progression":             "0a1c2e3g4i5k6m7o8q9s0u1w2y3a4c5e",
		"a walk":                    "poiuytrewqasdfghjkl;/.,mnbvcxz",
		"columns of a keyboard":     "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,",
		"columns with shift":        "!QAZ2wsx#EDC4rfv%TGB6yhn&UJM8ik,",
		"a series of sums":          "3710172744711151863014877881275",
		"a series of equal steps":   "1724313845525966738087940101108115",
		"digits of a constant":      "3141592653589793238462643383279502",
		"words of hex":              "deadbeef00cafebabe00c0ffee00d15ea5e0",
		"numbers between":           "monday2024harbor1999velvet2001castle",
		"a letter that is no ASCII": "k7Qz2mXw9RtB4vLc8HnJ6pYd3sGf5Tjé",
	} {
		t.Run(name, func(t *testing.T) { assert.True(t, isChosen([]rune(text))) })
	}
	for name, text := range map[string]string{
		"hex":                "e7f488c24f11a73f727cdb03c097ba20",
		"letters and digits": "k7Qz2mXw9RtB4vLc8HnJ6pYd3sGf5TjE",
		"letters":            "kqzvjxwbhtmrdplfncgyswaekvzqjxtb",
		"digits":             "83917462058391647205938172640593817",
		"marks":              `R?>t7~Kq)2x]J9{vB4;mT6"pLd0^fWz8`,
		"groups":             "K7QZ2-MXW9R-TB4VL-C8HNJ-6PYD3-SGF5T",
		"a name before hex":  "secret-e7f488c24f11a73f727cdb03c097ba20",
		"no ASCII":           "🙂R?>t7~Kq)2x]J9{vB4;mT6\"pLd0^fWz8",
		"nothing":            "",
	} {
		t.Run(name, func(t *testing.T) { assert.False(t, isChosen([]rune(text))) })
	}
}
