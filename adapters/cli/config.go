package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// newConfig says what is in force.
func newConfig(commands Commands) *cobra.Command {
	config := &cobra.Command{
		Use:   "config",
		Short: "Prints what is in force and where each value came from; never a secret",
		Long: "Prints every variable, its value and where that came from. A secret is [set] or [not set].\n\n" +
			"The exit status is 1 where the configuration is wrong; what is wrong goes to standard error.",
		RunE: func(command *cobra.Command, _ []string) error {
			report := commands.Config(command.Flags())
			if err := report.write(command.OutOrStdout()); err != nil {
				return err
			}
			if report.Unsound != nil {
				return report.Unsound
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
