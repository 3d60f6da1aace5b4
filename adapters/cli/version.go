package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// newVersion returns the command that prints the version.
func newVersion(commands Commands) *cobra.Command {
	version := &cobra.Command{
		Use:   "version",
		Short: "Prints the version",
		RunE: func(command *cobra.Command, _ []string) error {
			report := commands.Version()
			return write(command, report, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, report.line())
				return err
			})
		},
	}
	reporting(version)
	return prepare(version)
}

// line returns the report in one line, for people.
func (r VersionReport) line() string {
	text := "sessiond " + r.Version + ", " + r.Go + " " + r.Platform
	if r.Revision != "" {
		text += ", revision " + r.Revision
	}
	return text
}
