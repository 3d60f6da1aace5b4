package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newVersion returns the command that prints the version.
func newVersion(commands Commands) *cobra.Command {
	return prepare(&cobra.Command{
		Use:   "version",
		Short: "Prints the version",
		RunE: func(command *cobra.Command, _ []string) error {
			report := commands.Version()
			text := "sessiond " + report.Version + ", " + report.Go + " " + report.Platform
			if report.Revision != "" {
				text += ", revision " + report.Revision
			}
			_, err := fmt.Fprintln(command.OutOrStdout(), text)
			return err
		},
	})
}
