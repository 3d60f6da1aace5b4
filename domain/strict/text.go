package strict

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string (RFC 8259 §7) from its opening quote through its closing one. A string
// without escapes is a substring of the text and is not copied.
func (r *reader) str() (string, bool) {
	start := r.at + 1
	rest := r.text[start:]
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '"':
			r.at = start + i + 1
			return rest[:i], true
		case c == '\\':
			r.at = start + i
			return r.escaped(start)
		case c < ' ':
			r.at = start + i
			return "", false
		}
	}
	r.at = len(r.text)
	return "", false
}

// escaped reads the rest of a string from its first escape; start is the index where the content
// began.
func (r *reader) escaped(start int) (string, bool) {
	var content strings.Builder
	content.WriteString(r.text[start:r.at])
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return content.String(), true
		case c == '\\':
			r.at++
			char, ok := r.escape()
			if !ok {
				return "", false
			}
			content.WriteRune(char)
		case c < ' ':
			return "", false
		default:
			r.at++
			content.WriteByte(c)
		}
	}
	return "", false
}

// escape reads what follows a backslash; surrogates must come in pairs.
func (r *reader) escape() (rune, bool) {
	if r.at == len(r.text) {
		return 0, false
	}
	c := r.text[r.at]
	r.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return r.unicode()
	}
	return 0, false
}

func (r *reader) unicode() (rune, bool) {
	first, ok := r.hex4()
	if !ok || !utf16.IsSurrogate(first) {
		return first, ok
	}
	if !r.take('\\') || !r.take('u') {
		return 0, false
	}
	second, ok := r.hex4()
	if !ok {
		return 0, false
	}
	char := utf16.DecodeRune(first, second)
	return char, char != utf8.RuneError
}

func (r *reader) hex4() (rune, bool) {
	if len(r.text)-r.at < 4 {
		return 0, false
	}
	var char rune
	for _, c := range []byte(r.text[r.at : r.at+4]) {
		switch {
		case isDigit(c):
			char = char<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			char = char<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			char = char<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	r.at += 4
	return char, true
}
