package secret

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The bits of one character, by the classes that are present.
var (
	others       = math.Log2(32)
	letters      = math.Log2(26)
	alphanumeric = math.Log2(26 + 10)
	signed       = math.Log2(26 + 32)
	decimal      = math.Log2(10 + 32)
	mixed        = math.Log2(26 + 10 + 32)
)

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       float64
	}{
		{"empty", "", 0},

		{"letters", "kqzvjxwb", 8 * letters},
		{"case does not count", "KqZvjXwB", 8 * letters},
		{"letters and digits", "kqzvjx47", 8 * alphanumeric},
		{"letters and punctuation", "kqzvjx.?", 8 * signed},
		{"digits and punctuation", "8391.?", 6 * decimal},
		{"punctuation", ".?!~", 4 * others},
		{"all three", "kqzv83.?", 8 * mixed},
		{"letters and digits of any script", "жщé٣٧", 5 * alphanumeric},
		{"a mark and an emoji are punctuation", "ж\u0301🙂", 3 * signed},

		{"hex", "7f3a91c6", 8 * 4},
		{"hex in upper case", "7F3A91C6", 8 * 4},
		{"hyphens are dropped", "7f3a--91c6-", 8 * 4},
		{"only hyphens", "-----", 0},
		{"digits", "83917462", 8 * 3.3},
		{"digits and hyphens", "8391-7462", 8 * 3.3},
		{"hex: a repeat of 7 does not count", "7f3a91c" + "7f3a91c", 14 * 4},
		{"hex: a repeat of 8", "7f3a91c6" + "7f3a91c6", 8*4 + 5},
		{"hex: a repeat across hyphens", "7f3a-91c6-7-f3a91c6", 8*4 + 5},
		{"hex: a run of 7 does not count", "e0123456e", 9 * 4},
		{"hex: a run of 8", "e01234567e", 2*4 + 5},
		{"hex: a run backwards, over the zero", "e09876543e", 2*4 + 5},
		{"hex: no words", "decade", 6 * 4},
		{"hex: abcdef is too short for a run", "abcdef", 6 * 4},

		{"a repeat of 3 does not count", "kqz" + "kqz", 6 * letters},
		{"a repeat of 4", "kqzv" + "kqzv", 4*letters + 5},
		{"a repeat in other case", "kqzv" + "KQZV", 4*letters + 5},
		{"a repeat that overlaps", "zzzzz", letters + 5},
		{"four equal characters are a repeat of 3", "zzzz", 4 * letters},
		{"a repeat that overlaps, of two", "kqkqkqkq", 2*letters + 5},
		{"a repeat of non-ASCII letters", "жщйц" + "жщйц", 4*letters + 5},
		{"equal in the low bytes only", "ұҳҵҷ" + "αγεη", 8 * letters},

		{"a run of 3 does not count", "cdekqz", 6 * letters},
		{"a run of 4", "abcdkqz", 3*letters + 5},
		{"a run backwards", "zyxwkq", 2*letters + 5},
		{"a run of digits", "1234kq", 2*alphanumeric + 5},
		{"a run over the zero", "7890kq", 2*alphanumeric + 5},
		{"a run does not wrap around", "8901kq", 6 * alphanumeric},
		{"z is not followed by a", "yzab", 4 * letters},
		{"keyboard, first row", "rtyuk", letters + 5},
		{"keyboard, second row, backwards", "lkjhq", letters + 5},
		{"keyboard, third row", "zxcvk", letters + 5},
		{"a run does not change direction", "hijih", 5 * letters},
		{"a run after a run", "abcdzyxw", 5 + 5},
		{"the digits twice", "01234567890" + "1234k", 5 + alphanumeric + 5},

		{"a word of 3 anywhere", "kqzoovj", 9 + 4*letters},
		{"a word of 2 inside others", "kqmyvj", 6 * letters},
		{"a word of 2 alone", "kq.my.vj", 4*signed + 9 + 2},
		{"a word of 2 at an end", "my.vj", 9 + 1 + 2*signed},
		{"a word of 2 before a digit", "kq.my7vj", 8 * mixed},
		{"a word of 2 after a digit", "vj7my.kq", 8 * mixed},
		{"a word of 2 next to a non-ASCII letter", "é.myé", 5 * signed},
		{"the longest word", "passwords", 9},
		{"the longest of several words", "passwordk", 9 + letters},
		{"a word with digits", "kbase64k", 2*alphanumeric + 9},

		{"spelled with digits", "kq" + "z3br4" + "vj", 4*alphanumeric + 9},
		{"spelled with every substitute", "5h0u1d3r.7r4de.p@$$w0rd", 9 + 1 + 9 + 1 + 9},
		{"a word of 4 is not found spelled", "k3yszzqz" + "t3xt", 12 * alphanumeric},
		{"some letters spelled", "passw0rd", 9},
		{"a digit that belongs to the word", "b4s364", 9},
		{"1 is not i", "l3tm31n", 7 * alphanumeric},

		{"punctuation next to a match", "zoo.kq", 9 + 1 + 2*signed},
		{"only the adjacent one", "zoo..kq", 9 + 1 + 3*signed},
		{"punctuation between two matches", "zoo.zebra", 9 + 1 + 9},
		{"punctuation before a match", ".zoo", 1 + 9},
		{"a letter next to a match is not reduced", "kzoo.", letters*0 + signed + 9 + 1},
		{"punctuation inside a repeat", "kq.v" + "kq.v", 4*signed + 5},
		{"a mark next to a word", "zoo\u0301", 9 + 1},

		// The longest match first: qwertyuiop is a run of 10, and qwerty a word inside it.
		{"a run before the word in it", "qwertyuiop", 5},
		// At equal length, the run of 5 bits, not the word of 9.
		{"fewer bits at equal length", "qwerty", 5},
		// The word default is longer than the run abcdef, of which abc remains: a word.
		{"the rest of a cut run is a word", "abcdefault", 9 + 9},
		// The run zyxwv has fewer bits than the word venue, and nothing that matches remains of
		// that word.
		{"a cut word", "zyxwvenue", 5 + 4*letters},
		// The word vendor is longer than the run zyxwv, of which a run of 4 remains.
		{"a cut run", "zyxwvendor", 9 + 5},
		{"a run cut below 4", "yxwvendor", 9 + 3*letters},
		// abcd is selected, and cba is no match; selecting dcba would have left the word abc.
		{"the earlier of equal ones", "zabcdcba", 5 + 4*letters},
		{"a repeat before words", "kqzvjzebra" + "kqzvjzeb", 5*letters + 9 + 5},
		// At equal length, the repeat has fewer bits than the word.
		{"a repeated word is a repeat", "abandon" + "abandon", 9 + 5},
		{"a repeated word of 3 is a word", "zoo" + "zoo", 9 + 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.InDelta(t, c.want, estimate(fold(c.text)), 1e-9)
		})
	}
}

func TestRuns(t *testing.T) {
	for _, row := range []string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop",
		"asdfghjkl", "zxcvbnm"} {
		back := []rune(row)
		slices.Reverse(back)
		for _, run := range []string{row, string(back)} {
			t.Run(run, func(t *testing.T) {
				// The dot keeps a row of digits from being hex.
				assert.InDelta(t, 5+1, estimate([]rune(run+".")), 1e-9)
			})
		}
	}
}

// TestEstimateAgainstModel compares the estimate with a literal and slow implementation of its
// definition.
func TestEstimateAgainstModel(t *testing.T) {
	list := map[int]map[string]bool{} // by length
	for _, word := range entries(commonWords) {
		if list[len(word)] == nil {
			list[len(word)] = map[string]bool{}
		}
		list[len(word)][word] = true
	}
	pieces := strings.Fields(
		"zoo Zebra token my it a abc qwer qwerty 1234 90 0987 zyxw lkjh zxcvb p@$$w0rd t0k3n k3y " +
			"base64 - . -- $ @ _ é ж 7 42 e5 kq vj x zoone default abcdef useful ss aaaa abab the " +
			"then therest st1ng")
	hexPieces := strings.Fields("0 1 7 a b e - f0 01234567 9876 543210 deadbeef cafe 00000")
	random := rand.New(rand.NewPCG(7, 11))
	for range 500 {
		from := pieces
		if random.IntN(4) == 0 {
			from = hexPieces
		}
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(from[random.IntN(len(from))])
		}
		text := b.String()
		if want, got := model(text, list), estimate(fold(text)); !assert.InDelta(t, want, got, 1e-9,
			text) {
			return
		}
	}
}

// model is the estimate for the texts of TestEstimateAgainstModel: at each step it examines every
// part of the whole text again.
func model(text string, list map[int]map[string]bool) float64 {
	rs := []rune(strings.ToLower(text))
	minPattern, each, hexText := 4, 0.0, strings.Trim(string(rs), "0123456789abcdef-") == ""
	if hexText {
		rs = []rune(strings.ReplaceAll(string(rs), "-", ""))
		minPattern, each = 8, 3.3
		if strings.ContainsAny(string(rs), "abcdef") {
			each = 4
		}
	} else {
		sum := 0
		if strings.ContainsAny(string(rs), "abcdefghijklmnopqrstuvwxyzéж") {
			sum += 26
		}
		if strings.ContainsAny(string(rs), "0123456789") {
			sum += 10
		}
		if strings.ContainsAny(string(rs), "-.$@_") {
			sum += 32
		}
		each = math.Log2(float64(sum))
	}
	inWord := func(r rune) bool { return !strings.ContainsRune("-.$@_", r) }
	spellings := strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t",
		"@", "a", "$", "s")
	// cost returns the bits of the part rs[i:j], or 0 if it is not a match.
	cost := func(i, j int) int {
		part := string(rs[i:j])
		if j-i >= minPattern {
			for k := range i {
				if string(rs[k:k+j-i]) == part {
					return 5
				}
			}
			for _, row := range []string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop",
				"asdfghjkl", "zxcvbnm"} {
				var back strings.Builder
				for k := len(row) - 1; k >= 0; k-- {
					back.WriteByte(row[k])
				}
				if strings.Contains(row, part) || strings.Contains(back.String(), part) {
					return 5
				}
			}
		}
		if hexText {
			return 0
		}
		alone := (i == 0 || !inWord(rs[i-1])) && (j == len(rs) || !inWord(rs[j]))
		if list[j-i][part] && (j-i >= 3 || j-i == 2 && alone) {
			return 9
		}
		if j-i >= 5 {
			for word := range list[j-i] {
				if spells(part, word, spellings) {
					return 9
				}
			}
		}
		return 0
	}
	costs := make([][]int, len(rs)) // [i][j-i-1]
	for i := range rs {
		for j := i + 1; j <= len(rs); j++ {
			costs[i] = append(costs[i], cost(i, j))
		}
	}
	matched := make([]bool, len(rs))
	bits := 0
	for {
		bestAt, bestLength, bestCost := 0, 0, 0
		for i := range rs {
			for j := i + 1; j <= len(rs) && !matched[j-1]; j++ {
				c := costs[i][j-i-1]
				if c > 0 && (j-i > bestLength || j-i == bestLength && c < bestCost) {
					bestAt, bestLength, bestCost = i, j-i, c
				}
			}
		}
		if bestLength == 0 {
			break
		}
		bits += bestCost
		for i := bestAt; i < bestAt+bestLength; i++ {
			matched[i] = true
		}
	}
	remaining := 0
	for i, r := range rs {
		switch {
		case matched[i]:
		case !inWord(r) && (i > 0 && matched[i-1] || i+1 < len(rs) && matched[i+1]):
			bits++
		default:
			remaining++
		}
	}
	return float64(bits) + float64(remaining)*each
}

// spells reports whether part is word with some of its letters substituted.
func spells(part, word string, spellings *strings.Replacer) bool {
	if len(part) != len(word) {
		return false // part has non-ASCII letters
	}
	for i := range len(part) {
		if part[i] != word[i] && spellings.Replace(part[i:i+1]) != word[i:i+1] {
			return false
		}
	}
	return true
}
