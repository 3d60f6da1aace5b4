package strict

// Plain reports whether text consists of 1 to maxLen characters of A-Z a-z 0-9 . _ - only, so that
// it can be used unescaped in a header, a log line or a file name.
func Plain(text string, maxLen int) bool {
	if len(text) < 1 || len(text) > maxLen {
		return false
	}
	for _, c := range []byte(text) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_',
			c == '-':
		default:
			return false
		}
	}
	return true
}

// Printable reports whether text consists of printable ASCII characters (U+0020 to U+007E). It is
// true for an empty text.
func Printable(text string) bool {
	for ; len(text) >= 8; text = text[8:] {
		word := wordAt(text, 0)
		if (word|less(word, ' ')|equal(word, lastASCII))&highBits != 0 {
			return false
		}
	}
	for _, c := range []byte(text) {
		if c < ' ' || c >= lastASCII {
			return false
		}
	}
	return true
}

// lastASCII is the last character of ASCII, which is a control.
const lastASCII = 0x7f
