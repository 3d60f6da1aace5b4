package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the root command, which serves.
func newRoot(commands Commands) *cobra.Command {
	root := &cobra.Command{
		Use:   "sessiond",
		Short: "Issues and verifies session tokens for app installations",
		Long: "Issues and verifies session tokens for app installations.\n\n" +
			"Without a command, sessiond serves. Values come from defaults, the YAML file,\n" +
			"the environment and flags; a later source overrides an earlier one. Secrets\n" +
			"have no flag, because a process list would show it. Every variable can also be\n" +
			"given as NAME_FILE, the name of a file that holds the value.",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return commands.Serve(command.Context(), command.Flags())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages",
		".FlagUsagesWrapped 80"))
	commands.AddFlags(root.Flags())
	return prepare(root)
}

// noArguments rejects arguments to a command that has subcommands, and suggests the subcommand
// whose name is closest.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if strings.Trim(args[0], "abcdefghijklmnopqrstuvwxyz-") != "" {
		// The argument is not shown: it may be a secret.
		return &usageError{command.CommandPath(), "unknown command"}
	}
	command.SuggestionsMinimumDistance = 2
	problem := "unknown command " + args[0]
	if near := command.SuggestionsFor(args[0]); len(near) > 0 {
		problem += " (did you mean " + near[0] + "?)"
	}
	return &usageError{command.CommandPath(), problem}
}
