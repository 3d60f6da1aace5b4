// Package cli is the command line: it reads arguments, calls the functions it was given, and writes what they tell for people or machines.
//
// It knows no wiring: what a command does is handed in as a function, and what it tells as a report of this package. It promises that a
// report is written as it is, with nothing added, that a wrong call is answered with one line and a hint, and that JSON keeps its names. It imports cobra
// and the standard library.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit statuses.
const (
	statusSound    = 0
	statusWrong    = 1
	statusWarnings = 2
)

// Commands are what the program can do.
type Commands struct {
	// AddFlags adds the flags of the configuration to a command that reads it.
	AddFlags func(*pflag.FlagSet)
	// Serve runs the service until ctx ends or a signal asks it to stop. It fails with *Unsound where the configuration is wrong.
	Serve func(ctx context.Context, flags *pflag.FlagSet) error
	// Check says what the configuration would do. It may ask the servers that the configuration names, within a bound of its own.
	Check func(ctx context.Context, flags *pflag.FlagSet) CheckReport
	// Config says what is in force.
	Config func(flags *pflag.FlagSet) ConfigReport
	// Keys keep a keyset file.
	Keys Keys
	// Version says what the program is.
	Version func() VersionReport
}

// Run runs the command that args name, the program's own name left out, and tells the exit status: 0 where all is well, 1 where the configuration,
// the call or the service failed, 2 where a strict check found warnings.
func Run(ctx context.Context, commands Commands, args []string, stdout, stderr io.Writer) int {
	root := newRoot(commands)
	root.AddCommand(newCheck(commands), newConfig(commands), newKeys(commands),
		newVersion(commands))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return statusSound
	}
	var status statusError
	var unsound *InvalidConfigError
	var unusable *InvalidArgumentsError
	var usage *usageError
	switch {
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &unsound):
		_, _ = io.WriteString(stderr, unsound.text())
	case errors.As(err, &unusable):
		_, _ = io.WriteString(stderr, unusable.text())
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "sessiond: %s; see %s --help\n", oneLine(usage.problem),
			usage.command)
	default:
		_, _ = fmt.Fprintf(stderr, "sessiond: %s\n", oneLine(err.Error()))
	}
	return statusWrong
}

// statusError ends the program with a status, all that there is to tell being told.
type statusError int

// Error tells the status.
func (s statusError) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// usageError is a wrong call.
type usageError struct{ command, problem string }

// Error tells what is wrong with the call.
func (u *usageError) Error() string { return u.problem }

// prepare sets what all commands have in common: no usage after an error, and no arguments but flags.
func prepare(command *cobra.Command) *cobra.Command {
	command.SilenceErrors, command.SilenceUsage, command.DisableFlagsInUseLine = true, true, true
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return &usageError{command.CommandPath(), flagProblem(err)}
	})
	if command.Args == nil {
		command.Args = func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{command.CommandPath(),
					command.CommandPath() + " takes no arguments"}
			}
			return nil
		}
	}
	return command
}

// flagProblem says what is wrong with a flag, without its value: a secret may stand there by mistake.
func flagProblem(err error) string {
	var unknown *pflag.NotExistError
	var valueless *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return "flags begin with two dashes"
	case errors.As(err, &unknown):
		return "there is no flag --" + unknown.GetSpecifiedName()
	case errors.As(err, &valueless):
		return "--" + valueless.GetFlag().Name + " needs a value"
	case errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "duration":
		return "--" + invalid.GetFlag().Name + " is a number with its unit, such as 10m or 24h"
	case errors.As(err, &invalid):
		return "--" + invalid.GetFlag().Name + " has a value of another type"
	}
	return "a flag is not well formed"
}

// oneLine keeps text from being more than one line, or anything that a terminal would act upon.
func oneLine(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return !strconv.IsPrint(c) }) {
		return strconv.Quote(text)
	}
	return text
}
