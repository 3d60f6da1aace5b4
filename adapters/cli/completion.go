package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shell is a shell for which a completion script can be written.
type shell struct {
	name  string
	write func(root *cobra.Command, w io.Writer) error
}

var shells = []shell{
	{"bash", func(root *cobra.Command, w io.Writer) error {
		return root.GenBashCompletionV2(w, true)
	}},
	{"zsh", func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) }},
	{"fish", func(root *cobra.Command, w io.Writer) error {
		return root.GenFishCompletion(w, true)
	}},
}

// newCompletion returns the command that writes a completion script.
func newCompletion() *cobra.Command {
	var names []string
	for _, supported := range shells {
		names = append(names, supported.name)
	}
	find := func(args []string) int {
		if len(args) != 1 {
			return -1
		}
		return slices.IndexFunc(shells, func(s shell) bool { return s.name == args[0] })
	}
	return prepare(&cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Writes a script that completes commands and flags in a shell",
		Long: "Writes a script that completes commands and flags in a shell. For the running\n" +
			"shell:\n\n" +
			"  bash  source <(sessiond completion bash)\n" +
			"  zsh   source <(sessiond completion zsh)\n" +
			"  fish  sessiond completion fish | source",
		ValidArgs: names,
		Args: func(command *cobra.Command, args []string) error {
			if find(args) < 0 {
				return &usageError{command.CommandPath(), "give one of " +
					strings.Join(names, ", ")}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return shells[find(args)].write(command.Root(), command.OutOrStdout())
		},
	})
}
