package secret

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isWrapped reports whether a trimmed text looks as if a tool wrapped a secret: it contains
// invisible characters, or it is the output of a generator with quotes or angle brackets around it,
// with a name before it, or with a comma or semicolon after it.
func isWrapped(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) {
		return true
	}
	inner := peel(text)
	return inner != text && isGenerated(inner)
}

// maxWrappings bounds the work: tools add few wrappings.
const maxWrappings = 8

// peel returns a text without its wrappings.
func peel(text string) string {
	for range maxWrappings {
		inner := unwrap(text)
		if inner == text {
			break
		}
		text = inner
	}
	return text
}

// wrappings are the pairs that enclose a secret.
var wrappings = [...][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"<", ">"}, {"“", "”"},
	{"‘", "’"}, {"„", "“"}, {"«", "»"}}

// unwrap removes one wrapping. It returns the text itself if there is none.
func unwrap(text string) string {
	if last, size := utf8.DecodeLastRuneInString(text); last == ',' || last == ';' {
		return Trim(text[:len(text)-size])
	}
	if name, value, ok := strings.Cut(text, "="); ok && isName(name) &&
		strings.Trim(value, "=") != "" {
		return Trim(value)
	}
	if name, value, ok := strings.Cut(text, ":"); ok && isName(name) &&
		strings.TrimLeftFunc(value, unicode.IsSpace) != value {
		return Trim(value)
	}
	return Trim(unquote(text))
}

// unquote removes one pair of quotes or brackets.
func unquote(text string) string {
	for _, pair := range wrappings {
		if inner, ok := strings.CutPrefix(text, pair[0]); ok {
			if inner, ok = strings.CutSuffix(inner, pair[1]); ok {
				return inner
			}
		}
	}
	return text
}

// isName reports whether a text is the name of a variable or a member, which may have export or set
// before it.
func isName(text string) bool {
	fields := strings.Fields(text)
	if len(fields) == 2 {
		switch strings.ToLower(fields[0]) {
		case "export", "set", "env", "-", "setenv":
			fields = fields[1:]
		}
	}
	if len(fields) != 1 {
		return false
	}
	name := unquote(fields[0])
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || isMark(c) && c != '.' && c != '-') {
			return false
		}
	}
	return name != ""
}

// isGenerated reports whether a text has at least 32 characters, all of an alphabet that generators
// use: hex, base64, base64url, base32, letters and digits, or a UUID.
func isGenerated(text string) bool {
	unpadded := strings.TrimRight(text, "=")
	return len(unpadded) >= minLength &&
		(consistsOf(unpadded, base62+"+/") || consistsOf(unpadded, base62+"-_"))
}
