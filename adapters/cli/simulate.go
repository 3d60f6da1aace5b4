package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// Simulation says which recorded requests to replay, and under which limits.
type Simulation struct {
	// Files are the recordings, oldest first. If there are none, Input is read.
	Files    []string
	Input    io.Reader
	Settings []GridSetting
	// Suggest is the largest share of subjects that the suggested setting may refuse; nil for no
	// suggestion.
	Suggest *float64
	// Plot is the file for a picture; empty for none.
	Plot string
	// Progress is called with the number of bytes that were read, and their total, 0 if that is
	// unknown. It may be nil.
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
			problem := wanted.fill(&grid, suggest, command.Flags().Changed(flagSuggest))
			if problem != "" {
				return &usageError{command.CommandPath(), problem}
			}
			bar := newProgress(command.ErrOrStderr())
			if bar != nil {
				wanted.Progress = bar.show
			}
			report, err := commands.Limits.Simulate(command.Context(), wanted)
			if bar != nil {
				bar.clear() // before the report, which may go to the same terminal
			}
			if wrong, is := errors.AsType[*UsageError](err); is {
				return &usageError{command.CommandPath(), wrong.Problem}
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

// fill adds the values of the flags. It returns what is wrong with them, or "".
func (s *Simulation) fill(grid *grid, suggest string, suggests bool) (problem string) {
	var err error
	if s.Settings, err = grid.settings(); err != nil {
		return err.Error()
	}
	if suggests {
		share, ok := parseShare(suggest)
		if !ok {
			return "--suggest must be a share in per cent, such as 0.1%"
		}
		s.Suggest = &share
	}
	if len(s.Files) == 0 && isTerminal(s.Input) {
		return "name a file, or pipe a log to standard input"
	}
	return ""
}

// parseShare parses a share in per cent. The sign is required: a bare 1 could mean 1 % or all.
func parseShare(text string) (float64, bool) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	share /= 100
	return share, isPercent && err == nil && share >= 0 && share <= 1
}

// inSeconds returns a number of seconds with its unit: rounded to milliseconds below 10 s, and to
// seconds otherwise.
func inSeconds(seconds float64) string {
	const precise = 10
	if seconds < precise {
		return strconv.FormatFloat(math.Round(1000*seconds)/1000, 'f', -1, 64) + " s"
	}
	return fmt.Sprintf("%.0f s", seconds)
}

// percent returns a share in per cent, with more digits if it is small. It is rounded to neither 0
// % nor 100 %.
func percent(share float64) string {
	switch p := 100 * share; {
	case p == 0:
		return "0 %"
	case p < 0.001:
		return "< 0.001 %"
	case p < 0.9995:
		return fmt.Sprintf("%.3f %%", p)
	case p < 100:
		return fmt.Sprintf("%.1f %%", min(p, 99.9))
	}
	return "100 %"
}
