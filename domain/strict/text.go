package strict

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// stringEnd reads a string (RFC 8259 §7) whose opening quote is at start, through its closing one.
// Only strings can hold characters that are not ASCII, so that this is where UTF-8 is checked.
func stringEnd(text string, start int) (end int, escaped bool) {
	at := start + 1
	for {
		at += plainPrefix(text[at:])
		switch c := byteAt(text, at); {
		case c == '"':
			return at + 1, escaped
		case c == '\\':
			escaped = true
			if _, at = escape(text, at); at < 0 {
				return at, false
			}
		case c < ' ':
			return malformed(at), false
		default:
			char, size := utf8.DecodeRuneInString(text[at:])
			if char == utf8.RuneError && size == 1 {
				return malformed(at), false
			}
			at += size
		}
	}
}

// content returns the content of a string that is written as raw. Without escapes it is a part of
// raw, and not copied.
func content(raw string, escaped bool) string {
	raw = raw[1 : len(raw)-1]
	if !escaped {
		return raw
	}
	var text strings.Builder
	for at := 0; at < len(raw); {
		if raw[at] != '\\' {
			text.WriteByte(raw[at])
			at++
			continue
		}
		var char rune
		char, at = escape(raw, at)
		text.WriteRune(char)
	}
	return text.String()
}

// escape reads the escape that begins with the backslash at an index; surrogates must come in
// pairs.
func escape(text string, at int) (char rune, end int) {
	switch c := byteAt(text, at+1); c {
	case '"', '\\', '/':
		return rune(c), at + 2
	case 'b':
		return '\b', at + 2
	case 'f':
		return '\f', at + 2
	case 'n':
		return '\n', at + 2
	case 'r':
		return '\r', at + 2
	case 't':
		return '\t', at + 2
	case 'u':
		return escapeUnicode(text, at)
	}
	return 0, malformed(min(at+2, len(text)))
}

func escapeUnicode(text string, at int) (char rune, end int) {
	first, end := hex4(text, at+2)
	if end < 0 || !utf16.IsSurrogate(first) {
		return first, end
	}
	if !strings.HasPrefix(text[end:], `\u`) {
		return 0, malformed(end)
	}
	second, end := hex4(text, end+2)
	if end < 0 {
		return 0, end
	}
	if char = utf16.DecodeRune(first, second); char == utf8.RuneError {
		return 0, malformed(end)
	}
	return char, end
}

func hex4(text string, at int) (char rune, end int) {
	if len(text)-at < 4 {
		return 0, malformed(at)
	}
	for _, c := range []byte(text[at : at+4]) {
		switch {
		case isDigit(c):
			char = char<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			char = char<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			char = char<<4 | rune(c-'A'+10)
		default:
			return 0, malformed(at)
		}
	}
	return char, at + 4
}
