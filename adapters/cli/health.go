package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// HealthReport is what the running service answered.
type HealthReport struct {
	Healthy bool `json:"healthy"`
	// URL is the URL that was requested; empty if the configuration names no operations listener.
	URL string `json:"url"`
	// Status is the status of the response, or 0 if there was none.
	Status int `json:"status"`
	// Problem says why the service is not healthy; empty if it is.
	Problem string `json:"problem,omitempty"`
	// Failing holds the names of the checks that fail, and is never nil.
	Failing []string `json:"failing"`
}

// newHealth returns the command that asks the running service whether it is healthy.
func newHealth(commands Commands) *cobra.Command {
	var ready bool
	health := &cobra.Command{
		Use:   "health",
		Short: "Asks the running service whether it is alive, or ready",
		Long: "Asks the service that runs with the same configuration, at its operations\n" +
			"listener: /livez, or /readyz with --ready. It is for health checks of\n" +
			"containers whose image holds no other program.\n\n" +
			"The exit status is 0 if the service answered that all is well, otherwise 1. An\n" +
			"answer may take three seconds.",
		RunE: func(command *cobra.Command, _ []string) error {
			report := commands.Health(command.Context(), command.Flags(), ready)
			if err := write(command, report, report.writeText); err != nil {
				return err
			}
			if !report.Healthy {
				return statusError(statusFailed)
			}
			return nil
		},
	}
	health.Flags().BoolVar(&ready, "ready", false,
		"ask whether the service is ready for requests, not only alive")
	reporting(health)
	commands.AddFlags(health.Flags())
	return prepare(health)
}

// writeText writes one line.
func (r HealthReport) writeText(w io.Writer) error {
	line := fmt.Sprintf("healthy: %s answered %d", r.URL, r.Status)
	if !r.Healthy {
		line = "not healthy: " + oneLine(r.Problem)
		if len(r.Failing) > 0 {
			line += ": " + oneLine(strings.Join(r.Failing, ", "))
		}
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
