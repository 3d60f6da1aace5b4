package clientaddr

import "strings"

// XForwardedFor returns the entries of the lines of an X-Forwarded-For header, a comma-separated
// list of addresses. It does not use slices.Backward, which would allocate.
func XForwardedFor(lines []string) Entries {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				var entry string
				rest, entry, more = cutLast(rest)
				if !yield(unquote(trim(entry))) {
					return
				}
			}
		}
	}
}

// cutLast cuts line at its last comma.
func cutLast(line string) (before, after string, found bool) {
	if i := strings.LastIndexByte(line, ','); i >= 0 {
		return line[:i], line[i+1:], true
	}
	return "", line, false
}

// Forwarded returns the for parameter of each element of the lines of a Forwarded header (RFC 7239
// §4). An element that has no for parameter or more than one, or is malformed, is yielded as an
// empty entry.
func Forwarded(lines []string) Entries {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				var element string
				rest, element, more = cutLastElement(rest)
				if !yield(forwardedFor(element)) {
					return
				}
			}
		}
	}
}

// cutLastElement cuts line at its last comma outside quotes. It too reads from the right: untrusted
// clients wrote the text before the element of a trusted hop, and not even an unclosed quote there
// may change how that element is read.
func cutLastElement(line string) (before, element string, found bool) {
	for i := len(line) - 1; i >= 0; i-- {
		switch line[i] {
		case ',':
			return line[:i], line[i+1:], true
		case '"':
			i = openingQuote(line[:i])
		}
	}
	return "", line, false
}

// openingQuote returns the index in text of the quote that opens the quoted string ending right
// after text, or -1 if there is none. A quote inside the string follows a backslash; the opening
// one follows an equals sign.
func openingQuote(text string) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '"' && (i == 0 || text[i-1] != '\\') {
			return i
		}
	}
	return -1
}

// forwardedFor returns the value of the for parameter of one element, or an empty string if the
// element is malformed or does not have exactly one.
func forwardedFor(element string) string {
	node, count := "", 0
	for rest := trim(element); rest != ""; rest = trim(rest) {
		if rest[0] == ';' {
			rest = rest[1:]
			continue
		}
		name, after, found := strings.Cut(rest, "=")
		value, tail, ok := forwardedValue(after)
		if tail = trim(tail); !found || !ok || tail != "" && tail[0] != ';' {
			return ""
		}
		if strings.EqualFold(trim(name), "for") {
			node, count = value, count+1
		}
		rest = tail
	}
	if count != 1 {
		return ""
	}
	return node
}

// forwardedValue reads a token or a quoted string (RFC 9110 §5.6.4) and returns its value and the
// text after it.
func forwardedValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexByte(text, ';')
		if end < 0 {
			end = len(text)
		}
		value = trim(text[:end])
		return value, text[end:], !strings.ContainsAny(value, "\" \t")
	}
	var content strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return content.String(), text[i+1:], true
		case '\\':
			i++
			if i == len(text) {
				return "", "", false
			}
			content.WriteByte(text[i])
		default:
			content.WriteByte(text[i])
		}
	}
	return "", "", false
}

// trim removes the white space that is allowed around list elements (RFC 9110 §5.6.3).
func trim(text string) string { return strings.Trim(text, " \t") }

// unquote removes the quotes that some load balancers put around an address with a port.
func unquote(text string) string {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}
