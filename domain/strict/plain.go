package strict

// Plain reports whether text is 1 to most characters of A-Z a-z 0-9 . _ - and nothing else: a name
// that can appear unchanged in a header, a log line or a file name.
func Plain(text string, most int) bool {
	if len(text) < 1 || len(text) > most {
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
