package cli

import (
	"io"
	"strings"
)

// palette colours words for people. The zero value leaves them as they are.
type palette struct{ colored bool }

// newPalette returns the palette for what is written to w: with colours if w is a terminal and the
// user did not turn them off.
func newPalette(w io.Writer, off bool) palette {
	return palette{colored: !off && isTerminal(w)}
}

// NoColor reports whether an environment, in the form of os.Environ, turns colours off:
// https://no-color.org, and terminals that have none.
func NoColor(environ []string) bool {
	off := false
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		off = off || name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb"
	}
	return off
}

// The colours of the words that begin findings and verdicts (ECMA-48 §8.3.117).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// in returns text in a colour.
func (p palette) in(color, text string) string {
	if !p.colored || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// word returns the word for a kind of finding in its colour.
func (p palette) word(kind string) string {
	switch kind {
	case wordFault:
		return p.in(red, kind)
	case wordWarning:
		return p.in(yellow, kind)
	}
	return kind
}
