package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot returns the root command, which serves, with all commands below it.
func newRoot(commands Commands) *cobra.Command {
	root := &cobra.Command{
		Use:   "sessiond",
		Short: "Issues and verifies session tokens for app installations",
		Long: "Issues and verifies session tokens for app installations.\n\n" +
			"Without a command, sessiond serves. Values come from defaults, the YAML file,\n" +
			"the environment and flags; a later source overrides an earlier one. Secrets\n" +
			"have no flag, because a process list would show it. Every variable can also be\n" +
			"given as NAME_FILE, the name of a file that holds the value.",
		Version: commands.Version().line(),
		Args:    noArguments,
		RunE:    serve(commands),
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetVersionTemplate("{{.Version}}\n")
	useHelp(root, commands.Names.ConfigFlag, commands.Unflagged)
	commands.AddFlags(root.Flags())
	root.Flags().BoolP("version", "v", false, "print the version, and exit")
	root.AddCommand(newServe(commands), newCheck(commands), newConfig(commands),
		newHealth(commands), newKeys(commands), newLimits(commands), newToken(commands),
		newVersion(commands), newCompletion())
	// Subcommands inherit it.
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return &usageError{command.CommandPath(), flagProblem(command, commands.Unflagged, err)}
	})
	prepare(root)
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = knownTopic
	refuseRepeats(root)
	return root
}

// knownTopic rejects arguments to help that are not the name of a command.
func knownTopic(help *cobra.Command, args []string) error {
	command, rest, err := help.Root().Find(args)
	if err != nil {
		return err
	}
	if command.HasSubCommands() {
		return noArguments(command, rest)
	}
	return nil
}

// Documented returns the commands for manual pages. The variables without a flag are part of the
// description of the root command, because manual pages have no other place for them.
func Documented(commands Commands) *cobra.Command {
	root := newRoot(commands)
	root.DisableAutoGenTag = true
	var text strings.Builder
	text.WriteString(root.Long + "\n\nVariables without a flag:\n\n")
	for _, variable := range commands.Unflagged {
		text.WriteString("**" + variable.Name + "**: " + variable.Help + "\n\n")
	}
	root.Long = text.String()
	return root
}

// addHidden adds the configuration flags to flags. All but --config and the listed ones are hidden
// in the help.
func addHidden(commands Commands, flags *pflag.FlagSet, listed ...string) {
	configuration := pflag.NewFlagSet("", pflag.ContinueOnError)
	commands.AddFlags(configuration)
	configuration.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = flag.Name != commands.Names.ConfigFlag && !slices.Contains(listed, flag.Name)
	})
	flags.AddFlagSet(configuration)
}

// newServe returns the command that serves, as the root command does.
func newServe(commands Commands) *cobra.Command {
	command := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"start", "run", "server"},
		Short:      "Serves, as sessiond does without a command",
		RunE:       serve(commands),
	}
	commands.AddFlags(command.Flags())
	return prepare(command)
}

// serve returns the RunE function of the commands that serve.
func serve(commands Commands) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, _ []string) error {
		return commands.Serve(command.Context(), command.Flags())
	}
}

// noArguments rejects arguments to a command that has subcommands, and suggests the subcommand
// whose name is closest.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if args[0] == "" {
		return &usageError{command.CommandPath(), "the command is empty"}
	}
	if !isName(args[0]) || mayBeSecret(args[0]) {
		// The argument is not shown: it may be a secret.
		return &usageError{command.CommandPath(), "unknown command" + meantFile(args[0])}
	}
	problem := "unknown command " + args[0]
	if near := nearest(command, args[0]); near != "" {
		problem += " (did you mean " + near + "?)"
	}
	return &usageError{command.CommandPath(), problem}
}

// isName reports whether text has the form of a command or a flag.
func isName(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// The lengths by which mayBeSecret distinguishes the names of commands and flags, which are short
// or consist of words of letters joined by hyphens, from secrets.
const (
	shortestSecret = 32
	longestWord    = 20
)

// mayBeSecret reports whether text, given in the place of a command or a flag, could be a secret.
func mayBeSecret(text string) bool {
	return len(text) >= shortestSecret && (!isName(text) || strings.ContainsAny(text, "0123456789") ||
		slices.ContainsFunc(strings.Split(text, "-"), func(word string) bool {
			return len(word) > longestWord
		}))
}

// nearest returns the name of the command below parent that is most similar to text; empty if none
// is within two edits.
func nearest(parent *cobra.Command, text string) string {
	for parent.SuggestionsMinimumDistance = 1; parent.SuggestionsMinimumDistance <= 2; {
		if near := parent.SuggestionsFor(text); len(near) > 0 {
			return near[0]
		}
		parent.SuggestionsMinimumDistance++
	}
	return ""
}

// nearestFlag returns the flag of a command that is most similar to name; empty if none is.
func nearestFlag(command *cobra.Command, name string) string {
	if !isName(name) {
		return ""
	}
	// Flags have no suggestions of their own in cobra.
	names := &cobra.Command{}
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: flag.Name, Run: func(*cobra.Command, []string) {}})
	})
	return nearest(names, name)
}
