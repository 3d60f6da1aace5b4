package strict

import "unicode/utf8"

// AppendString appends text as a JSON string (RFC 8259 §7), escaping only what must be escaped.
func AppendString(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for text != "" {
		plain := plainPrefix(text)
		to = append(to, text[:plain]...)
		if text = text[plain:]; text == "" {
			break
		}
		char, size := utf8.DecodeRuneInString(text)
		switch {
		case char == '"' || char == '\\':
			to = append(to, '\\', byte(char))
		case char < ' ':
			to = append(to, '\\', 'u', '0', '0', hex[char>>4], hex[char&0xf])
		default:
			to = utf8.AppendRune(to, char)
		}
		text = text[size:]
	}
	return append(to, '"')
}
