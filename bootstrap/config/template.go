package config

import (
	"fmt"
	"reflect"
	"strings"
)

// templateWidth is the maximum width of a template's comments, in columns.
const templateWidth = 80

// Template returns a YAML file with a comment and the default for each variable. It can be read as
// it is, and then changes nothing. What has no fixed default is commented out.
func Template() string {
	var text strings.Builder
	text.WriteString("# Configuration of sessiond: every setting with its default.\n" +
		"# Variables of the environment and flags override this file.\n")
	group := ""
	for _, v := range table {
		if v.group != group {
			group = v.group
			fmt.Fprintf(&text, "\n## %s\n", group)
		}
		text.WriteByte('\n')
		comment := "#"
		for _, word := range strings.Fields(v.usage()) {
			if len(comment)+1+len(word) > templateWidth {
				text.WriteString(comment + "\n")
				comment = "#"
			}
			comment += " " + word
		}
		text.WriteString(comment + "\n")
		line, fixed := short(v.name)+":", v.inYAML()
		if fixed != "" {
			line += " " + fixed
		}
		if fixed == "" || v.name == varMaxConnections { // this default is lowered to what is possible
			line = "#" + line
		}
		text.WriteString(line + "\n")
	}
	return text.String()
}

// inYAML returns the default of a variable as YAML; empty if it has none that holds everywhere.
func (v variable) inYAML() string {
	switch {
	case v.list():
		return "[]"
	case v.optional || v.preset == "":
		return ""
	case v.kind.Kind() == reflect.Int, v.kind.Kind() == reflect.Bool:
		return v.preset
	}
	return quoted(v.preset)
}
