package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether a file is a terminal.
func isTerminal(file any) bool {
	_, is := columnsOf(file)
	return is
}

// columnsOf returns the width of a terminal, or 0 if the terminal reports none. It returns false if
// file is not a terminal.
func columnsOf(file any) (columns int, is bool) {
	opened, isFile := file.(*os.File)
	if !isFile {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(opened.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
