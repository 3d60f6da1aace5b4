package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/offload/sessiond/domain/throttle"
)

// LimitCommands holds the functions behind the limits commands.
type LimitCommands struct {
	// Simulate replays recorded requests under other limits. It returns a *UsageError if the grid
	// has limits that cannot be tried on that kind of recording.
	Simulate func(ctx context.Context, wanted Simulation) (SimulateReport, error)
	// Explain describes the limits of one client, for the configuration that flags name.
	Explain func(ctx context.Context, flags *pflag.FlagSet, client Client) (ExplainReport, error)
	// Bounds returns the smallest and the largest limit of a dimension that can be configured; 0
	// is no limit.
	Bounds func(throttle.Dimension) (least, most int)
	// MaximumWindow is the longest window that can be configured.
	MaximumWindow time.Duration
}

// UsageError reports wrong usage that is found only while the command runs.
type UsageError struct{ Problem string }

// Error returns the problem.
func (u *UsageError) Error() string { return u.Problem }

// newLimits returns the group of commands about limits.
func newLimits(commands Commands) *cobra.Command {
	group := prepare(&cobra.Command{
		Use:   "limits",
		Short: "Tries limits on recorded requests; explains those of a client",
		Args:  noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return &usageError{command.CommandPath(), "missing command: simulate or explain"}
		},
	})
	group.AddCommand(newSimulate(commands), newExplain(commands))
	return group
}
