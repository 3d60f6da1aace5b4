// Package docs runs the commands that README.md and the pages in cmd/sessiond/docs show, and checks
// their links. A block of commands is run if a comment before it names its world:
//
//	<!-- test: with a keyset -->
//
// Other blocks need what a test does not have, such as systemd or a public name. On the page that
// leads from nothing to production, the blocks are steps of one walk, and the world of each is
// "walk", with the name of the step if the test does something before or after it.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Block is one fenced block of console commands.
type Block struct {
	// World says what must exist before the commands run.
	World string
	// Commands are the lines after "$ ", each with the lines after "> " that continue it, without
	// their output.
	Commands []string
	// Output is what the page shows after a command, by the command's index; empty for none.
	Output map[int]string
}

// isStep reports whether the block runs after those before it on its page, in the same shell.
func (b Block) isStep() bool { return b.World == "walk" || strings.HasPrefix(b.World, "walk, ") }

// Page is one Markdown document.
type Page struct {
	Path     string
	Text     string
	Blocks   []Block
	Headings []string
}

var marked = regexp.MustCompile("(?s)<!-- test: ([^>]*?) -->\n+```console\n(.*?)```")

// fenced matches every fenced block, which may hold lines that look like headings.
var fenced = regexp.MustCompile("(?s)```.*?```")

// Read reads a page.
func Read(path string) (Page, error) {
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return Page{}, err
	}
	page := Page{Path: path, Text: string(text)}
	for _, match := range marked.FindAllStringSubmatch(page.Text, -1) {
		page.Blocks = append(page.Blocks, parseBlock(match[1], match[2]))
	}
	for line := range strings.Lines(fenced.ReplaceAllString(page.Text, "")) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			page.Headings = append(page.Headings, anchor(strings.TrimSpace(heading)))
		}
	}
	return page, nil
}

func parseBlock(world, text string) Block {
	block := Block{World: world, Output: map[int]string{}}
	for line := range strings.Lines(text) {
		if command, found := strings.CutPrefix(line, "$ "); found {
			block.Commands = append(block.Commands, strings.TrimSuffix(command, "\n"))
			continue
		}
		n := len(block.Commands)
		if n == 0 {
			continue
		}
		if more, found := strings.CutPrefix(line, "> "); found && block.Output[n-1] == "" {
			block.Commands[n-1] += "\n" + strings.TrimSuffix(more, "\n")
			continue
		}
		block.Output[n-1] += line
	}
	return block
}

// anchor returns the fragment that Markdown renderers give a heading.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-', r == '_', '0' <= r && r <= '9', 'a' <= r && r <= 'z':
			b.WriteRune(r)
		}
	}
	return b.String()
}
