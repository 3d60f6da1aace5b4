// Package cli implements the command line: it parses arguments, calls the functions that it was
// given, and writes their reports for people or machines.
//
// It contains no wiring: what a command does is passed in as a function, and its result is a report
// type of this package. A report is written unchanged, a usage error is one line with a hint, and
// JSON member names are stable. The package imports domain, ports, cobra, pflag and the standard
// library.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit statuses.
const (
	statusOK       = 0
	statusFailed   = 1
	statusWarnings = 2
	statusUsage    = 64 // EX_USAGE of sysexits.h
)

// Commands holds the functions behind the commands.
type Commands struct {
	// AddFlags adds the configuration flags to a command that reads the configuration.
	AddFlags func(*pflag.FlagSet)
	// Serve runs the service until ctx is done or a signal stops it. It returns an
	// *InvalidConfigError if the configuration is invalid.
	Serve func(ctx context.Context, flags *pflag.FlagSet) error
	// Check reports what the configuration would do. It may query the servers that the
	// configuration names, within its own timeout.
	Check func(ctx context.Context, flags *pflag.FlagSet) CheckReport
	// Config reports the settings in force.
	Config func(flags *pflag.FlagSet) ConfigReport
	// Template returns a YAML file with every default.
	Template func() string
	// Health asks the running service whether it is alive, or ready.
	Health func(ctx context.Context, flags *pflag.FlagSet, ready bool) HealthReport
	// Keys holds the functions that manage a keyset file.
	Keys Keys
	// Limits holds the functions about limits.
	Limits LimitCommands
	// Inspect shows a token, judged by the configuration that flags name.
	Inspect func(flags *pflag.FlagSet, text string) (TokenReport, error)
	// Unflagged are the variables of the configuration without a flag.
	Unflagged []Variable
	// NoColor turns colours off on a terminal too.
	NoColor bool
	// Names holds the names that help texts mention.
	Names Names
	// Version describes the build.
	Version func() VersionReport
}

// Names holds the names of configuration variables and of their flags.
type Names struct {
	// SecretVariable is the variable with the secret of the only key, SigningKeysVariable the one
	// with several keys.
	SecretVariable, SigningKeysVariable string
	// ConfigFlag is the flag that names the configuration file, RenewalGraceFlag the flag of the
	// renewal grace.
	ConfigFlag, RenewalGraceFlag string
	// KeysetFlag is the flag that names the configured keyset file.
	KeysetFlag string
}

// Run runs the command that args names and returns the exit status: 0 on success, 1 if the
// configuration or the service failed, 2 if a strict check found warnings, 64 for wrong usage. The
// name of the program is not part of args.
func Run(ctx context.Context, commands Commands, args []string, stdout, stderr io.Writer) int {
	root := newRoot(commands)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return statusOK
	}
	var status statusError
	var invalid *InvalidConfigError
	var unusable *InvalidFileError
	var usage *usageError
	switch {
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &invalid):
		_, _ = io.WriteString(stderr, invalid.text(newPalette(stderr, commands.NoColor)))
	case errors.As(err, &unusable):
		_, _ = io.WriteString(stderr, unusable.text())
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "sessiond: %s; see %s --help\n", oneLine(usage.problem),
			usage.command)
		return statusUsage
	default:
		_, _ = fmt.Fprintf(stderr, "sessiond: %s\n", oneLine(err.Error()))
	}
	return statusFailed
}

// statusError makes the program exit with a status after the report has been written.
type statusError int

// Error returns the status.
func (s statusError) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// usageError reports an invalid command, flag or argument.
type usageError struct{ command, problem string }

// Error returns the problem.
func (u *usageError) Error() string { return u.problem }

// prepare sets what all commands have in common: no usage text after an error, and no positional
// arguments unless the command accepts some.
func prepare(command *cobra.Command) *cobra.Command {
	command.SilenceErrors, command.SilenceUsage, command.DisableFlagsInUseLine = true, true, true
	command.Flags().SortFlags = false
	if command.Args == nil {
		command.Args = func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{command.CommandPath(),
					command.CommandPath() + " takes no arguments" + meantArgument(command, args[0])}
			}
			return nil
		}
	}
	return command
}

// meantArgument returns a hint on what an argument that a command does not take was meant to be. It
// shows the argument only if it has the form of a name: it may be a secret.
func meantArgument(command *cobra.Command, argument string) string {
	first, _ := utf8.DecodeRuneInString(argument)
	switch {
	case first > unicode.MaxASCII && unicode.In(first, unicode.Pd, unicode.Sm):
		return " (flags start with two hyphens, and this starts with another kind of dash)"
	case command.Flags().Lookup(argument) != nil:
		return " (did you mean --" + argument + "?)"
	case meantFile(argument) != "":
		return meantFile(argument)
	case argument != "" && isName(argument) && !mayBeSecret(argument):
		return ": " + argument
	}
	return ""
}

// meantFile returns a hint if an argument is the name of a configuration file.
func meantFile(argument string) string {
	if extension := path.Ext(argument); extension == ".yaml" || extension == ".yml" {
		return " (a configuration file is given with --config)"
	}
	return ""
}

// flagProblem describes what is wrong with a flag. It omits the value, which may be a secret given
// by mistake.
func flagProblem(command *cobra.Command, unflagged []Variable, err error) string {
	var unknown *pflag.NotExistError
	var valueless *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return "flags start with two dashes"
	case errors.As(err, &unknown):
		if mayBeSecret(unknown.GetSpecifiedName()) {
			return "unknown flag"
		}
		problem := "unknown flag --" + unknown.GetSpecifiedName()
		for _, variable := range unflagged {
			if variable.Flag == unknown.GetSpecifiedName() {
				return problem + " (secrets have no flag: set " + variable.Name + ")"
			}
		}
		if near := nearestFlag(command, unknown.GetSpecifiedName()); near != "" {
			problem += " (did you mean --" + near + "?)"
		}
		return problem
	case errors.As(err, &valueless):
		return "--" + valueless.GetFlag().Name + " needs a value"
	case errors.As(err, &invalid) && errors.Is(err, errRepeated):
		problem := "--" + invalid.GetFlag().Name + " is given more than once"
		if invalid.GetFlag().Value.Type() == "list" {
			problem += ": separate its values by commas"
		}
		return problem
	case errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "duration":
		return "--" + invalid.GetFlag().Name + " must be a number with a unit, such as 10m or 24h"
	case errors.As(err, &invalid):
		return "--" + invalid.GetFlag().Name + " has a value of the wrong type"
	}
	return "a flag is malformed"
}

// oneLine quotes text that has line breaks or other characters that a terminal would interpret.
func oneLine(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return !strconv.IsPrint(c) }) {
		return strconv.Quote(text)
	}
	return text
}
