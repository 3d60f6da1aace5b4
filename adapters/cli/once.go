package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errRepeated is the error for a flag that is given again.
var errRepeated = errors.New("given more than once")

// once is the value of a flag that may be given once. Of two values, pflag would use the last in
// silence.
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

// refuseRepeats makes every flag of a command and of those below it one that may be given once,
// except lists whose parts are joined.
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
