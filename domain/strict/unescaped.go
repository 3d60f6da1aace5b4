package strict

import "unicode/utf8"

// isPlain reports whether c is a character of ASCII that stands for itself in a JSON string.
func isPlain(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' }

// plainPrefix returns how many bytes at the beginning of text are plain.
func plainPrefix(text string) int {
	at := 0
	for ; len(text)-at >= 8; at += 8 {
		word := wordAt(text, at)
		others := (word | less(word, ' ') | equal(word, '"') | equal(word, '\\')) & highBits
		if others != 0 {
			return at + firstMarked(others)
		}
	}
	for at < len(text) && isPlain(text[at]) {
		at++
	}
	return at
}
