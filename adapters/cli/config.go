package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// newConfig returns the command that prints the settings in force.
func newConfig(commands Commands) *cobra.Command {
	var template bool
	config := &cobra.Command{
		Use:   "config",
		Short: "Prints every setting and the origin of its value, without secrets",
		Long: "Prints every variable, its value and the origin of the value. Of a secret it\n" +
			"prints only [set] or [not set].\n\n" +
			"With --template it prints a YAML file instead, with a comment and the default\n" +
			"for each setting, as a file to begin with for --config.\n\n" +
			"The exit status is 1 if the configuration is invalid; the faults are written to\n" +
			"standard error.",
		RunE: func(command *cobra.Command, _ []string) error {
			if template {
				_, err := io.WriteString(command.OutOrStdout(), commands.Template())
				return err
			}
			report := commands.Config(command.Flags())
			if err := write(command, report.document(), report.writeText); err != nil {
				return err
			}
			if report.Invalid != nil {
				return report.Invalid
			}
			return nil
		},
	}
	config.Flags().BoolVar(&template, "template", false,
		"print a commented YAML file with every default")
	reporting(config)
	commands.AddFlags(config.Flags())
	return prepare(config)
}

// configDocument is a ConfigReport as JSON.
type configDocument struct {
	Valid    bool      `json:"sound"`
	Settings []Setting `json:"settings"`
	Faults   []Finding `json:"faults"`
	Warnings []Finding `json:"warnings"`
}

func (r ConfigReport) document() configDocument {
	document := configDocument{Valid: r.Invalid == nil, Settings: r.Settings, Faults: []Finding{},
		Warnings: []Finding{}}
	if r.Invalid != nil {
		document.Faults, document.Warnings = r.Invalid.Faults, r.Invalid.Warnings
	}
	return document
}

func (r ConfigReport) writeText(w io.Writer) error {
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
