// Package marked reads and replaces text between marks in Markdown files: the tables that tests and
// measurements write into the pages for operators. The marks of a name are the lines
//
//	<!-- name:begin -->
//	<!-- name:end -->
//
// with an empty line between each of them and the text. The package imports the standard library.
package marked

import (
	"fmt"
	"os"
	"strings"
)

// Text returns the text between the marks of a name in a file.
func Text(file, name string) (string, error) {
	_, text, _, err := split(file, name)
	return strings.TrimSpace(text) + "\n", err
}

// Replace replaces the text between the marks of a name in a file.
func Replace(file, name, text string) error {
	head, _, tail, err := split(file, name)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(head+"\n"+strings.TrimSpace(text)+"\n\n"+tail), 0o644)
}

// split returns what comes before the text, with the first mark, the text, and what comes after it,
// with the second mark.
func split(file, name string) (head, text, tail string, err error) {
	page, err := os.ReadFile(file)
	if err != nil {
		return "", "", "", err
	}
	begin, end := "<!-- "+name+":begin -->\n", "<!-- "+name+":end -->\n"
	head, rest, begins := strings.Cut(string(page), begin)
	text, tail, ends := strings.Cut(rest, end)
	if !begins || !ends {
		return "", "", "", fmt.Errorf("%s does not contain the lines %q and %q", file,
			strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return head + begin, text, end + tail, nil
}
