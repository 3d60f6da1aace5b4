package clientaddr

import (
	"slices"
	"strings"
)

// XForwardedFor yields the entries of the header's lines: a list of addresses with commas between.
func XForwardedFor(lines []string) Entries {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for rest, more := line, true; more; {
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

// Forwarded yields the for= of each element of the header's lines (RFC 7239 §4). An element without one, or with two, yields
// an empty entry, and so does a line that is not of the header's form, once: what cannot be read ends the walk.
func Forwarded(lines []string) Entries {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			nodes, ok := forwardedNodes(line)
			if !ok {
				yield("")
				return
			}
			for _, node := range slices.Backward(nodes) {
				if !yield(node) {
					return
				}
			}
		}
	}
}

// forwardedNodes reads one line from the left, for only so can quoted commas be told apart.
func forwardedNodes(line string) ([]string, bool) {
	var nodes []string
	node, count := "", 0
	finish := func() {
		if count != 1 {
			node = ""
		}
		nodes = append(nodes, node)
		node, count = "", 0
	}
	rest := line
	for {
		rest = trim(rest)
		if rest != "" && rest[0] != ',' && rest[0] != ';' {
			name, after, found := strings.Cut(rest, "=")
			if !found {
				return nil, false
			}
			value, tail, ok := forwardedValue(after)
			if !ok {
				return nil, false
			}
			if strings.EqualFold(trim(name), "for") {
				node, count = value, count+1
			}
			rest = trim(tail)
		}
		switch {
		case rest == "":
			finish()
			return nodes, true
		case rest[0] == ',':
			finish()
		case rest[0] != ';':
			return nil, false
		}
		rest = rest[1:]
	}
}

// forwardedValue reads a token or a quoted string (RFC 9110 §5.6.4) and tells what follows it.
func forwardedValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ",;")
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

// trim removes the white space that may stand around a list's elements (RFC 9110 §5.6.3).
func trim(text string) string { return strings.Trim(text, " \t") }

// unquote removes the quotes that some balancers put around an address with a port.
func unquote(text string) string {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}
