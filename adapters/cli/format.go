package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// The formats of a report.
const (
	flagFormat = "format"
	formatText = "text"
	formatJSON = "json"
)

// reporting adds --format to a command that writes a report with write. An unknown format is an
// error before the command does anything.
func reporting(command *cobra.Command) *cobra.Command {
	command.Flags().String(flagFormat, formatText, "output format, text or json")
	command.PreRunE = func(command *cobra.Command, _ []string) error {
		switch formatOf(command) {
		case formatText, formatJSON:
			return nil
		}
		return &usageError{command.CommandPath(), "--" + flagFormat + " must be text or json"}
	}
	return command
}

func formatOf(command *cobra.Command) string {
	return command.Flags().Lookup(flagFormat).Value.String()
}

// write writes the report of a command in the format that was asked for: as JSON, or with the
// function for text.
func write(command *cobra.Command, report any, text func(io.Writer) error) error {
	if formatOf(command) == formatText {
		return text(command.OutOrStdout())
	}
	return writeJSON(command, report)
}

func writeJSON(command *cobra.Command, report any) error {
	encoder := json.NewEncoder(command.OutOrStdout())
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
