package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFlaws is the maximum number of flaws of one file, and of unknown names of one source, that are
// reported individually.
const maxFlaws = 20

// flaw is one error in the structure of a file. It contains nothing of the file's content.
type flaw struct {
	line            int // from 1; 0 if unknown
	problem, remedy string
}

const remedyMapping = "write one mapping from unique names to values, such as log_level: warn"

// member is one key of the file with its value as written.
type member struct {
	key string
	// text is the text of a single value. A list of depth one is joined by commas, a mapping of
	// depth one is a JSON object.
	text string
	form form
	// flawed is true if a flaw of the value has been reported.
	flawed bool
}

// form is the kind of a YAML value.
type form uint8

const (
	formText form = iota
	formList
	formMapping
	formOther // nested deeper than any variable allows
)

// parseYAML returns the members of one mapping, and the flaws of the file. Members without a flaw
// are returned even if there are flaws, so that all faults are reported at once.
//
// Values stay as written: 1.10 keeps its zero, and a secret of digits is not rounded. Therefore the
// tree of nodes is read. It also shows duplicate keys, and aliases, which are rejected, are not
// expanded.
func parseYAML(content string) ([]member, []flaw) {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(content)))
	var document, further yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, []flaw{notYAML(err, content)}
	}
	if err := decoder.Decode(&further); err == nil {
		return nil, []flaw{{further.Line, "it has a second document", remedyMapping}}
	} else if !errors.Is(err, io.EOF) {
		return nil, []flaw{notYAML(err, content)}
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, []flaw{{root.Line, "it is not a mapping from names to values", remedyMapping}}
	}
	var r yamlReader
	return r.members(root), r.flaws
}

// notYAML returns the flaw of a file that cannot be parsed. It looks for the usual causes in every
// line, because the library reports many errors in a later line, or without a line.
func notYAML(err error, content string) flaw {
	lines := strings.Split(content, "\n")
	for i, line := range lines {
		if problem, remedy := unreadable(line); problem != "" {
			return flaw{i + 1, "it is not YAML: " + problem, remedy}
		}
	}
	found := flaw{lineOf(err), "it is not YAML", remedyMapping}
	for i, line := range lines {
		if needsQuotes().MatchString(line) && (found.line == 0 || found.line == i+1) {
			return flaw{i + 1, found.problem, "enclose the value in quotes"}
		}
	}
	return found
}

// unreadable describes what makes a line invalid in any YAML file, with a remedy. It returns empty
// strings if it finds nothing.
func unreadable(line string) (problem, remedy string) {
	switch {
	case !utf8.ValidString(line):
		return "the line is not valid UTF-8", "save the file as UTF-8"
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "a tab at the beginning of the line, where only spaces are allowed",
			"write spaces in place of the tab"
	case strings.ContainsFunc(line, func(c rune) bool {
		return c != '\t' && c != '\r' && unicode.IsControl(c)
	}):
		return "the line has a control character", "remove it, or save the file as UTF-8"
	}
	return "", ""
}

// needsQuotes matches a line with a value that YAML does not read as text: it begins with a
// character that has a meaning in YAML, or contains a colon followed by a space.
var needsQuotes = pattern("^\\s*[A-Za-z0-9_]+:\\s+([@`%*]|[^\"'\\s#{\\[].*:(\\s|$))")

// lineInError finds the line number in an error of the library, which provides it in no other way.
// The rest of the message may quote the file.
var lineInError = pattern(`\bline ([0-9]{1,7}):`)

// lineOf returns the line number in an error of the library, or 0 if it has none.
func lineOf(err error) int {
	found := lineInError().FindStringSubmatch(err.Error())
	if found == nil {
		return 0
	}
	line, _ := strconv.Atoi(found[1])
	return line
}

// yamlReader collects the flaws of a tree.
type yamlReader struct{ flaws []flaw }

func (r *yamlReader) flaw(node *yaml.Node, problem, remedy string) {
	if len(r.flaws) < maxFlaws {
		r.flaws = append(r.flaws, flaw{node.Line, problem, remedy})
	}
}

// check walks the whole tree once. The library bounds its depth.
func (r *yamlReader) check(node *yaml.Node) {
	switch node.Kind {
	case yaml.AliasNode:
		r.flaw(node, "it has an alias, which is not supported", "write the value itself")
	case yaml.ScalarNode:
		switch node.ShortTag() {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
		default:
			r.flaw(node, "it has a value of an unsupported type", "write text or a number")
		}
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i < len(node.Content); i += 2 {
			r.key(node.Content[i], seen)
		}
	case yaml.SequenceNode, yaml.DocumentNode: // only the children are checked
	}
	for _, child := range node.Content {
		r.check(child)
	}
}

// key checks a key of a mapping. It returns false if the key has a flaw.
func (r *yamlReader) key(key *yaml.Node, seen map[string]bool) bool {
	duplicate := seen[key.Value]
	seen[key.Value] = true
	switch {
	case key.Kind != yaml.ScalarNode:
		r.flaw(key, "it has a key that is not text", remedyMapping)
	case duplicate:
		r.flaw(key, "it has a duplicate key", "keep one of the two lines")
	default:
		return true
	}
	return false
}

// members returns the members of the outermost mapping.
func (r *yamlReader) members(root *yaml.Node) []member {
	list, seen := make([]member, 0, len(root.Content)/2), map[string]bool{}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		flaws := len(r.flaws)
		r.check(value)
		if !r.key(key, seen) {
			continue
		}
		m := member{key: key.Value, flawed: len(r.flaws) > flaws || len(r.flaws) == maxFlaws}
		if !m.flawed {
			m.text, m.form = valueOf(value)
		}
		list = append(list, m)
	}
	return list
}

// valueOf returns the text and the form of a value.
func valueOf(node *yaml.Node) (string, form) {
	switch node.Kind {
	case yaml.ScalarNode:
		return scalar(node), formText
	case yaml.SequenceNode:
		items := make([]string, 0, len(node.Content))
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return "", formOther
			}
			items = append(items, scalar(item))
		}
		return strings.Join(items, ","), formList
	case yaml.MappingNode:
		return object(node), formMapping
	case yaml.AliasNode, yaml.DocumentNode: // rejected by check
	}
	return "", formOther
}

// scalar returns a single value as written, and "" for null.
func scalar(node *yaml.Node) string {
	if node.ShortTag() == "!!null" {
		return ""
	}
	return node.Value
}

// object returns a mapping as a JSON object, the form of the same variable in other sources, in the
// same order. A value that is not a single value becomes null, which the parser of the object
// reports.
func object(node *yaml.Node) string {
	var text strings.Builder
	for i := 0; i < len(node.Content); i += 2 {
		text.WriteByte("{,"[min(i, 1)])
		text.WriteString(quoted(node.Content[i].Value))
		text.WriteByte(':')
		if value := node.Content[i+1]; value.Kind == yaml.ScalarNode {
			text.WriteString(quoted(scalar(value)))
		} else {
			text.WriteString("null")
		}
	}
	if len(node.Content) == 0 {
		text.WriteByte('{')
	}
	text.WriteByte('}')
	return text.String()
}

// quoted returns text as a JSON string, which is also a YAML string.
func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic("config: " + err.Error()) // encoding a string cannot fail
	}
	return string(encoded)
}
