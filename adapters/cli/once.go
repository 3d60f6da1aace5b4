package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errRepeated is the error for a flag that is given again.
var errRepeated = errors.New("given more than once")

// once is the value of a flag that may be given once. pflag would silently use the last of several
// values.
type once struct {
	pflag.Value
	given bool
}

// Set implements pflag.Value.
func (o *once) Set(text string) error {
	if o.given {
		return errRepeated
	}
	o.given = true
	return o.Value.Set(text)
}

// refuseRepeats makes it an error to give a flag of the command or of its subcommands more than
// once, except a list, whose parts are joined.
func refuseRepeats(command *cobra.Command) {
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, joins := flag.Value.(*listFlag); !joins {
			flag.Value = &once{Value: flag.Value}
		}
	})
	for _, below := range command.Commands() {
		refuseRepeats(below)
	}
}
