package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// Simulation is what to replay, and under which limits.
type Simulation struct {
	// Files are what was recorded, oldest first; none for Input.
	Files    []string
	Input    io.Reader
	Settings []GridSetting
	// Suggest is the largest share of subjects that the suggested setting may refuse; nil for no
	// suggestion.
	Suggest *float64
	// Plot is the file for a picture; empty for none.
	Plot string
	// Progress is called with the bytes that were read, and how many there are; 0 if unknown. It
	// may be nil.
	Progress func(read, total int64)
}

const flagSuggest = "suggest"

// newSimulate returns the command that tries limits on recorded requests.
func newSimulate(commands Commands) *cobra.Command {
	grid := grid{limits: commands.Limits}
	var suggest, plot string
	simulate := &cobra.Command{
		Use:   "simulate [FILE]...",
		Short: "Tries limits on recorded requests, and shows whom they refuse",
		Long: "Replays recorded requests under each combination of the limits that are given,\n" +
			"with the arithmetic of the service, and shows whom each would refuse.\n\n" +
			"A FILE is a trace, which the service writes, or an access log of nginx or Caddy\n" +
			"(combined or JSON), oldest first; without one, standard input is read. In a\n" +
			"trace, limits that are not given are those of the trace. An access log has\n" +
			"client addresses alone: limits that are not given are off, and every\n" +
			"POST to the path that issues sessions counts as a new session.\n\n" +
			"Lines that cannot be read are counted by reason and passed over. The exit\n" +
			"status is 0 if the simulation was made, 1 if a file has no readable line,\n" +
			"and 64 for wrong usage.",
		Args: func(*cobra.Command, []string) error { return nil },
		RunE: func(command *cobra.Command, args []string) error {
			wanted := Simulation{Files: args, Plot: plot, Input: command.InOrStdin()}
			problem := func(text string) error {
				return &usageError{command.CommandPath(), text}
			}
			settings, err := grid.settings()
			if err != nil {
				return problem(err.Error())
			}
			wanted.Settings = settings
			if command.Flags().Changed(flagSuggest) {
				share, ok := parseShare(suggest)
				if !ok {
					return problem("--suggest must be a share such as 0.1%")
				}
				wanted.Suggest = &share
			}
			if len(args) == 0 && isTerminal(wanted.Input) {
				return problem("name a file, or pipe a log to standard input")
			}
			bar := newProgress(command.ErrOrStderr())
			if bar != nil {
				wanted.Progress = bar.show
			}
			report, err := commands.Limits.Simulate(command.Context(), wanted)
			if bar != nil {
				bar.clear()
			}
			if wrong, is := errors.AsType[*UsageError](err); is {
				return problem(wrong.Problem)
			}
			if err != nil {
				return err
			}
			switch formatOf(command) {
			case formatCSV:
				return report.writeCSV(command.OutOrStdout())
			case formatJSON:
				return writeJSON(command, report)
			}
			return report.writeText(command.OutOrStdout())
		},
	}
	grid.addTo(simulate.Flags())
	simulate.Flags().StringVar(&suggest, flagSuggest, "",
		"name the tightest setting that refuses at most this share of the addresses and of the "+
			"installations, such as 0.1%")
	simulate.Flags().StringVar(&plot, "plot", "",
		"file for a picture (SVG): refusals over time, and refused share by limit")
	reportingAs(simulate, formatText, formatJSON, formatCSV)
	return prepare(simulate)
}

// parseShare reads a share, in per cent or as a fraction.
func parseShare(text string) (float64, bool) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		share /= 100
	}
	return share, err == nil && share >= 0 && share <= 1
}

// isTerminal reports whether a file is a terminal, or another device of characters.
func isTerminal(file any) bool {
	opened, isFile := file.(*os.File)
	if !isFile {
		return false
	}
	stat, err := opened.Stat()
	return err == nil && stat.Mode()&os.ModeCharDevice != 0
}

// percent returns a share in per cent, with three digits of which at most one stands before the
// point where the share is small.
func percent(share float64) string {
	switch p := 100 * share; {
	case p == 0:
		return "0 %"
	case p < 0.001:
		return "< 0.001 %"
	case p < 1:
		return fmt.Sprintf("%.3f %%", p)
	case p < 99.95:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}
