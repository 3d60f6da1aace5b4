package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFlaws is the most flaws of one file, and the most unknown names of one source, that are told one by one.
const maxFlaws = 20

// flaw is one thing that a file cannot have, without a word of what it holds.
type flaw struct {
	line    int // from 1; 0 where nobody knows
	problem string
}

// member is one key of the file with its value, as it is written.
type member struct {
	key string
	// text is a single value's text, or what a list or a mapping comes to where it is one level deep: items joined by commas, or a JSON object.
	text string
	form form
	// flawed is true where a flaw has been told of the value.
	flawed bool
}

// form is what a value is in YAML.
type form uint8

const (
	formText form = iota
	formList
	formMapping
	formOther // nested deeper than any variable has use for
)

// parseYAML reads the members of one mapping; those without a flaw are read in spite of the others, so that all that is wrong is told at once. Values stay as they are written: 1.10 is no number that would lose its nought, and a secret of
// digits is not rounded. So the tree of nodes is read, which koanf's own parser has no way to give; it also shows keys that stand twice, and keeps
// aliases, which are refused, from multiplying.
func parseYAML(content string) ([]member, []flaw) {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(content)))
	var document, further yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, []flaw{{lineOf(err), "it is not YAML"}}
	}
	if err := decoder.Decode(&further); err == nil {
		return nil, []flaw{{further.Line, "it has a second document"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, []flaw{{lineOf(err), "it is not YAML"}}
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, []flaw{{root.Line, "it is not a mapping from names to values"}}
	}
	var r yamlReader
	return r.members(root), r.flaws
}

// lineInError finds the line in a message of the library, which tells it in no other way. The rest of the message may quote the file.
var lineInError = regexp.MustCompile(`\bline ([0-9]{1,7}):`)

func lineOf(err error) int {
	found := lineInError.FindStringSubmatch(err.Error())
	if found == nil {
		return 0
	}
	line, _ := strconv.Atoi(found[1])
	return line
}

// yamlReader looks through a tree for what no configuration has.
type yamlReader struct{ flaws []flaw }

func (r *yamlReader) flaw(node *yaml.Node, problem string) {
	if len(r.flaws) < maxFlaws {
		r.flaws = append(r.flaws, flaw{node.Line, problem})
	}
}

// check walks the whole tree once. The library has bounded its depth.
func (r *yamlReader) check(node *yaml.Node) {
	switch node.Kind {
	case yaml.AliasNode:
		r.flaw(node, "it has an alias, which is not followed here")
	case yaml.ScalarNode:
		switch node.ShortTag() {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
		default:
			r.flaw(node, "it has a value of a type that has no use here")
		}
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i < len(node.Content); i += 2 {
			r.key(node.Content[i], seen)
		}
	case yaml.SequenceNode, yaml.DocumentNode: // nothing but what they hold
	}
	for _, child := range node.Content {
		r.check(child)
	}
}

// key looks at a mapping's key; it is false where a flaw has been told of it.
func (r *yamlReader) key(key *yaml.Node, seen map[string]bool) bool {
	again := seen[key.Value]
	seen[key.Value] = true
	switch {
	case key.Kind != yaml.ScalarNode:
		r.flaw(key, "it has a key that is not text")
	case again:
		r.flaw(key, "it has a key that stands twice")
	default:
		return true
	}
	return false
}

// members are the keys of the outermost mapping.
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
	case yaml.AliasNode, yaml.DocumentNode: // the check has let none pass
	}
	return "", formOther
}

// scalar is a single value as it is written; null is nothing.
func scalar(node *yaml.Node) string {
	if node.ShortTag() == "!!null" {
		return ""
	}
	return node.Value
}

// object writes a mapping as the JSON object that the same variable holds elsewhere, in the same order. What is no single value becomes null, for
// whoever judges the object to find.
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

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic("config: " + err.Error()) // a string has nothing that could fail
	}
	return string(encoded)
}
