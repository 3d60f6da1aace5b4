package strict

import "strings"

// ByteOrderMark is what some editors and shells write before a text in UTF-8.
const ByteOrderMark = "\ufeff"

// UTF16 returns the encoding of a text that begins with a byte order mark of UTF-16, or with two
// characters of ASCII in UTF-16, as tools of Windows write it, and "" for any other.
func UTF16(text string) string {
	const little, big = "UTF-16 (little endian)", "UTF-16 (big endian)"
	switch {
	case strings.HasPrefix(text, "\xff\xfe"):
		return little
	case strings.HasPrefix(text, "\xfe\xff"):
		return big
	case len(text) < 4:
	case text[0] != 0 && text[1] == 0 && text[2] != 0 && text[3] == 0:
		return little
	case text[0] == 0 && text[1] != 0 && text[2] == 0 && text[3] != 0:
		return big
	}
	return ""
}
