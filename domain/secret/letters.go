package secret

import (
	_ "embed"
	"strings"
	"sync"
)

// lettersTable is the table of letterCosts; the comment at the top of the file describes its form.
//
//go:generate go test -run ^TestLettersAreDerived$ . -derive
//go:embed letters.txt
var lettersTable string

// The symbols of a word are its letters, 0 to 25, and its end; the end also stands for the start.
const (
	letterEnd      = 26
	letterSymbols  = 27
	letterContexts = letterSymbols * letterSymbols
)

// wordStart is the context of the first letter of a word.
const wordStart = letterEnd*letterSymbols + letterEnd

// letterCosts returns, for each context of two symbols, the length in bits of each symbol's code.
// They are the frequencies of three letters in a row in words of many languages, names and places.
var letterCosts = sync.OnceValue(func() *[letterContexts][letterSymbols]float32 {
	var costs [letterContexts][letterSymbols]float32
	context := 0
	for line := range strings.Lines(lettersTable) {
		if line[0] == '#' {
			continue
		}
		for symbol := range letterSymbols {
			costs[context][symbol] = float32(line[3+symbol]-'!') / 8
		}
		context++
	}
	if context != letterContexts {
		panic("secret: letters.txt does not have a line for each context")
	}
	return &costs
})

// A reading is a letter that a character of a text stands for.
type reading struct {
	letter uint8
	bits   float32
}

// substitutes are the characters that people write for letters (leetspeak).
var substitutes = [26]string{0: "4@", 'b' - 'a': "8", 'e' - 'a': "3", 'g' - 'a': "96",
	'i' - 'a': "1!", 'l' - 'a': "1", 'o' - 'a': "0", 's' - 'a': "5$", 't' - 'a': "7+", 'z' - 'a': "2"}

// plainReadings and leetReadings hold what a folded character stands for, without and with
// leetspeak, in which a letter that has substitutes is written as one of them three times in five.
var plainReadings, leetReadings = func() (plain, leet [128][]reading) {
	for letter := range uint8(26) {
		own := 'a' + letter
		plain[own] = []reading{{letter, 0}}
		others := substitutes[letter]
		if others == "" {
			leet[own] = plain[own]
			continue
		}
		leet[own] = []reading{{letter, bitsOfChance(0.4)}}
		for i := range len(others) {
			leet[others[i]] = append(leet[others[i]],
				reading{letter, bitsOfChance(0.6 / float64(len(others)))})
		}
	}
	return plain, leet
}()
