package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the maximum width of a help text, in columns.
const helpWidth = 80

// AnnotationGroup is the annotation of a flag that names its group in help texts. Flags without it
// come first.
const AnnotationGroup = "sessiond_group"

// Variable describes a variable without a flag, for help texts. Flag is the name that its flag
// would have, by which a mistaken flag is recognized; empty if the variable has a flag of another
// name.
type Variable struct{ Name, Flag, Help string }

// useHelp makes root and its subcommands write their help with the functions of this file.
// unflagged lists the variables of the configuration that have no flag.
func useHelp(root *cobra.Command, configFlag string, unflagged []Variable) {
	root.SetUsageFunc(func(command *cobra.Command) error {
		var text strings.Builder
		writeUsage(&text, command)
		writeFlags(&text, command.NonInheritedFlags())
		writeFlags(&text, command.InheritedFlags())
		if command.Flags().Lookup(configFlag) != nil && !hasHidden(command.Flags()) {
			writeVariables(&text, unflagged)
		}
		_, err := io.WriteString(command.OutOrStdout(), text.String())
		return err
	})
}

// hasHidden reports whether any of the flags is hidden. The help of such a command omits the
// variables without a flag too.
func hasHidden(flags *pflag.FlagSet) bool {
	hidden := false
	flags.VisitAll(func(flag *pflag.Flag) { hidden = hidden || flag.Hidden })
	return hidden
}

// writeUsage writes how a command is called, and the commands below it.
func writeUsage(text *strings.Builder, command *cobra.Command) {
	text.WriteString("Usage:\n")
	if !command.HasParent() || !command.HasAvailableSubCommands() {
		fmt.Fprintf(text, "  %s [flags]\n", command.UseLine())
	}
	if !command.HasAvailableSubCommands() {
		return
	}
	fmt.Fprintf(text, "  %s COMMAND\n\nCommands:\n", command.CommandPath())
	for _, below := range command.Commands() {
		if below.IsAvailableCommand() || below.Name() == "help" {
			indent := 2 + command.Commands()[0].NamePadding() + 1
			lines := wrap(below.Short, helpWidth-indent)
			fmt.Fprintf(text, "  %-*s %s\n", below.NamePadding(), below.Name(), lines[0])
			for _, line := range lines[1:] {
				fmt.Fprintf(text, "%*s%s\n", indent, "", line)
			}
		}
	}
}

// ownFlags is the group of flags without AnnotationGroup: the command's own.
const ownFlags = "Flags"

// writeFlags writes the flags that are not hidden, group by group: the command's own flags first,
// the other groups in the order of their first flags.
func writeFlags(text *strings.Builder, flags *pflag.FlagSet) {
	groups := []string{ownFlags} // first, although cobra adds --help after the configuration's flags
	members := map[string][]*pflag.Flag{}
	flags.SortFlags = false
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		group := ownFlags
		if named := flag.Annotations[AnnotationGroup]; len(named) > 0 {
			group = named[0]
		}
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
		members[group] = append(members[group], flag)
	})
	for _, group := range groups {
		if members[group] == nil {
			continue
		}
		fmt.Fprintf(text, "\n%s:\n", group)
		for _, flag := range members[group] {
			writeFlag(text, flag)
		}
	}
}

// writeFlag writes a flag with its type, and below it the purpose and the default.
func writeFlag(text *strings.Builder, flag *pflag.Flag) {
	head := "      --" + flag.Name
	if flag.Shorthand != "" {
		head = "  -" + flag.Shorthand + ", --" + flag.Name
	}
	isSwitch := flag.NoOptDefVal != ""
	if !isSwitch {
		head += " " + flag.Value.Type()
	}
	usage := flag.Usage
	if flag.DefValue != "" && !isSwitch && !strings.Contains(usage, "default:") &&
		flag.Value.Type() != "duration" {
		usage += " (default: " + flag.DefValue + ")"
	}
	writeEntry(text, head, usage)
}

// writeVariables writes the variables that have no flag.
func writeVariables(text *strings.Builder, variables []Variable) {
	if len(variables) == 0 {
		return
	}
	text.WriteString("\nVariables without a flag:\n")
	for _, variable := range variables {
		writeEntry(text, "      "+variable.Name, variable.Help)
	}
}

// writeEntry writes a name, and below it an indented text.
func writeEntry(text *strings.Builder, head, body string) {
	const indent = 10
	text.WriteString(head + "\n")
	for _, line := range wrap(body, helpWidth-indent) {
		fmt.Fprintf(text, "%*s%s\n", indent, "", line)
	}
}

// wrap breaks text into lines of at most width columns, between words.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
