package secret

import (
	"slices"
	"strings"
	"unicode"
)

// isWrapped reports whether a trimmed text looks as if a tool wrapped a secret: it contains
// invisible characters, or it is the output of a generator with quotes or brackets around it, with
// a name before it, with punctuation or an escaped line break after it, or with other words beside
// it, as in a line of sha256sum, a comment or an Authorization header; or it is text of a tool that
// is taken for a secret (foreign.go).
func isWrapped(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) {
		return true
	}
	inner := peel(text)
	if isForeign(text) || inner != text && (isForeign(inner) || isGenerated(inner)) {
		return true
	}
	words := strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",;&{}", r)
	})
	return len(words) > 1 && slices.ContainsFunc(words, func(word string) bool {
		return isGenerated(peel(word))
	})
}

// maxWrappings bounds the work: tools add few wrappings.
const maxWrappings = 8

// escapedQuotes are quotes as JSON, HTML and URLs escape them.
var escapedQuotes = strings.NewReplacer(`\"`, `"`, `\'`, "'", "&quot;", `"`, "&#34;", `"`,
	"&#39;", "'", "%22", `"`, "%27", "'")

// peel returns a text without its wrappings.
func peel(text string) string {
	text = escapedQuotes.Replace(text)
	for range maxWrappings {
		inner := unwrap(text)
		if inner == text {
			break
		}
		text = inner
	}
	return text
}

// wrappings are the pairs that enclose a secret: quotes, also those of strings in Python and in
// shells, brackets, also those of templates, and marks of variables and of bold text.
var wrappings = [...][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"<", ">"}, {"“", "”"},
	{"‘", "’"}, {"„", "“"}, {"«", "»"},
	{`b"`, `"`}, {"b'", "'"}, {`u"`, `"`}, {"u'", "'"}, {`r"`, `"`}, {"r'", "'"}, {"$'", "'"},
	{"(", ")"}, {"[", "]"}, {"{", "}"}, {"$(", ")"}, {"${", "}"},
	{"%", "%"}, {"**", "**"}}

// endings are what follows a secret that was copied from a list or a sentence, and line breaks that
// were escaped.
var endings = [...]string{",", ";", ".", `\n`, `\r`, "%0A", "%0a", "%0D", "%0d", "&#10;", `\`}

// unwrap removes one wrapping. It returns the text itself if there is none.
func unwrap(text string) string {
	for _, ending := range endings {
		if inner, ok := strings.CutSuffix(text, ending); ok {
			return Trim(inner)
		}
	}
	if name, value, ok := strings.Cut(text, "="); ok && isName(name) &&
		strings.Trim(value, "=") != "" {
		return Trim(value)
	}
	if name, value, ok := strings.Cut(text, ":"); ok && isName(name) &&
		(unquote(name) != name || strings.TrimLeftFunc(value, unicode.IsSpace) != value) {
		return Trim(value)
	}
	return Trim(unquote(text))
}

// unquote removes one pair of quotes, brackets or tags.
func unquote(text string) string {
	if tag, rest, ok := strings.Cut(text, ">"); ok && strings.HasPrefix(tag, "<") {
		if end := strings.LastIndex(rest, "</"); end >= 0 {
			return rest[:end]
		}
	}
	for _, pair := range wrappings {
		if inner, ok := strings.CutPrefix(text, pair[0]); ok {
			if inner, ok = strings.CutSuffix(inner, pair[1]); ok {
				return inner
			}
		}
	}
	return text
}

// isName reports whether a text is the name of a variable, a member or a flag, which may have
// export or set before it.
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
	name := strings.TrimPrefix(unquote(fields[0]), "--")
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
