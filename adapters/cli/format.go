package cli

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The formats of a report.
const (
	flagFormat = "format"
	formatText = "text"
	formatJSON = "json"
	formatCSV  = "csv"
)

// reporting adds --format to a command that writes a report with write.
func reporting(command *cobra.Command) *cobra.Command {
	return reportingAs(command, formatText, formatJSON)
}

// reportingAs adds --format with the given formats, the first of which is the default. An unknown
// format is an error before the command does anything.
func reportingAs(command *cobra.Command, formats ...string) *cobra.Command {
	last := len(formats) - 1
	words := strings.Join(formats[:last], ", ") + " or " + formats[last]
	command.Flags().String(flagFormat, formats[0], "output format, "+words)
	command.PreRunE = func(command *cobra.Command, _ []string) error {
		if slices.Contains(formats, formatOf(command)) {
			return nil
		}
		return &usageError{command.CommandPath(), "--" + flagFormat + " must be " + words}
	}
	return command
}

// formatOf returns the value of --format.
func formatOf(command *cobra.Command) string {
	return command.Flags().Lookup(flagFormat).Value.String()
}

// write writes the report of a command in the format that --format selects: as JSON, or with the
// function text.
func write(command *cobra.Command, report any, text func(io.Writer) error) error {
	if formatOf(command) == formatText {
		return text(command.OutOrStdout())
	}
	return writeJSON(command, report)
}

// writeJSON writes a report as indented JSON.
func writeJSON(command *cobra.Command, report any) error {
	encoder := json.NewEncoder(command.OutOrStdout())
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
