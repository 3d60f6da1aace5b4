package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot serves.
func newRoot(commands Commands) *cobra.Command {
	root := &cobra.Command{
		Use:   "sessiond",
		Short: "Issues session tokens to app installations and tells which are valid",
		Long: "Issues session tokens to app installations and tells which are valid.\n\n" +
			"Without a command it serves. Values come from defaults, then the YAML file, then the environment, then flags; the later wins.\n" +
			"Secrets have no flag: a process list would show it. Every variable may also be given as NAME_FILE.",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return commands.Serve(command.Context(), command.Flags())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	commands.AddFlags(root.Flags())
	return prepare(root)
}

// noArguments is for a command with commands of its own: whatever else is said after it is a mistake, and a near one is told.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if strings.Trim(args[0], "abcdefghijklmnopqrstuvwxyz-") != "" {
		// Whatever it is, a secret perhaps, it is not shown.
		return &usageError{command.CommandPath(), "there is no such command"}
	}
	command.SuggestionsMinimumDistance = 2
	problem := "there is no command " + args[0]
	if near := command.SuggestionsFor(args[0]); len(near) > 0 {
		problem += ", perhaps " + near[0]
	}
	return &usageError{command.CommandPath(), problem}
}
