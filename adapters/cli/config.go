package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// newConfig returns the command that prints the settings in force.
func newConfig(commands Commands) *cobra.Command {
	config := &cobra.Command{
		Use:   "config",
		Short: "Prints every setting and the origin of its value, without secrets",
		Long: "Prints every variable, its value and the origin of the value. Of a secret it\n" +
			"prints only [set] or [not set].\n\n" +
			"The exit status is 1 if the configuration is invalid; the faults are written to\n" +
			"standard error.",
		RunE: func(command *cobra.Command, _ []string) error {
			report := commands.Config(command.Flags())
			if err := report.write(command.OutOrStdout()); err != nil {
				return err
			}
			if report.Invalid != nil {
				return report.Invalid
			}
			return nil
		},
	}
	commands.AddFlags(config.Flags())
	return prepare(config)
}

func (r ConfigReport) write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "VARIABLE\tVALUE\tORIGIN")
	for _, setting := range r.Settings {
		value := setting.Value
		if value == "" {
			value = `""`
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", setting.Variable, value, setting.Origin)
	}
	return table.Flush()
}
