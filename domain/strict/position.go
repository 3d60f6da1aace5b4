package strict

import (
	"strings"
	"unicode/utf8"
)

// Position is a place in a text, for people: line and column count from 1, the column in
// characters.
type Position struct{ Line, Column int }

// Failure returns the place at which Parse fails: at or right behind the first character with which
// text can no longer become what Parse accepts, or the end of a text that is cut off. ok is false
// if Parse accepts it.
func Failure(text string) (at Position, ok bool) {
	r := reader{text: text}
	end := r.document(new(Value), nil)
	if end == len(text) {
		return Position{}, false
	}
	if end < 0 {
		end = ^end
	}
	before := text[:end]
	line := strings.LastIndexByte(before, '\n') + 1
	return Position{Line: 1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[line:])}, true
}
