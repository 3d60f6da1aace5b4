package secret

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/strict"
)

// LineProblem is what is wrong with a line of the operator's list. It contains no part of the line.
type LineProblem struct {
	// Line is the number of the line, from 1.
	Line int
	// Problem continues a sentence that starts with the line.
	Problem string
}

// String returns the problem with the number of the line.
func (p LineProblem) String() string {
	return fmt.Sprintf("line %d %s", p.Line, p.Problem)
}

// DenyList is the operator's list of secrets that are refused.
type DenyList struct {
	Secrets []string
	// Faults are the reasons why the list cannot be used: what was meant is not known, so that a
	// secret on it might be accepted.
	Faults []LineProblem
	// Warnings name lines that match no secret that would be accepted without the list.
	Warnings []LineProblem
}

// maxLineProblems is the maximum number of faults, and of warnings, of one list.
const maxLineProblems = 20

// ParseDenyList reads a list with one secret on each line. White space, byte order marks and a
// carriage return at the ends of a line are ignored, as are blank lines and comments, which
// start with # and a space.
func ParseDenyList(content []byte) DenyList {
	if encoding := strict.UTF16(string(content[:min(len(content), 4)])); encoding != "" {
		return DenyList{Faults: []LineProblem{{1, "is in " + encoding}}}
	}
	var list DenyList
	add := func(to *[]LineProblem, line int, problem string) {
		if problem != "" && len(*to) < maxLineProblems {
			*to = append(*to, LineProblem{line, problem})
		}
	}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if fault := lineFault(text); fault != "" {
			add(&list.Faults, number, fault)
			continue
		}
		text = trimLine(text)
		if text == "" || text == "#" || strings.HasPrefix(text, "# ") {
			continue
		}
		list.Secrets = append(list.Secrets, text)
		warning, meant := lineWarning(text)
		add(&list.Warnings, number, warning)
		if meant != text {
			list.Secrets = append(list.Secrets, meant)
		}
	}
	return list
}

// trimLine returns a line without white space at its ends, and without the byte order mark that
// starts a line where files were concatenated.
func trimLine(text string) string {
	return Trim(strings.TrimPrefix(Trim(text), strict.ByteOrderMark))
}

// lineFault returns why the secret on a line cannot be determined; "" if it can.
func lineFault(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.Contains(text, "\r"):
		return "has a carriage return that does not end it"
	case strings.ContainsFunc(Trim(text), unicode.IsControl):
		return "has a control character"
	}
	return ""
}

// lineWarning returns why a line matches no acceptable secret, "" if it does, and the secret that
// was probably meant.
func lineWarning(text string) (warning, meant string) {
	if before, found := cutComment(text); found && isGenerated(peel(before)) {
		return "has a comment after the secret, or a secret with white space inside", peel(before)
	}
	if isWrapped(text) {
		return "has quotes, a name, a comment, a mark or an invisible character that is no part of a secret",
			peel(strings.Map(visible, text))
	}
	if n := utf8.RuneCountInString(text); n < minLength || n > maxLength {
		return fmt.Sprintf("has %d characters: a secret has %d to %d", n, minLength, maxLength), text
	}
	return "", text
}

// cutComment returns the part of a line before white space and a comment, which starts with # or
// //.
func cutComment(text string) (before string, found bool) {
	for i, c := range text {
		if i > 0 && (c == '#' || strings.HasPrefix(text[i:], "//")) &&
			Trim(text[:i]) != text[:i] {
			return Trim(text[:i]), true
		}
	}
	return text, false
}

// visible drops invisible characters.
func visible(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}
