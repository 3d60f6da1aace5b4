package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagKeyset names the keyset file.
const flagKeyset = "keyset"

// maxLifetime is the longest that a session can be configured to last.
const maxLifetime = 365 * 24 * time.Hour

// The flags of the configuration that the keys commands list among their own.
const (
	flagConfig = "config"
	flagGrace  = "session-renewal-grace-seconds"
)

// Keys are what the keys commands do. Each gets the command's flags, which name the keyset.
type Keys struct {
	Create func(ctx context.Context, flags *pflag.FlagSet, wanted NewKey) (KeysReport, error)
	Import func(ctx context.Context, flags *pflag.FlagSet, wanted NewKey,
		secretFile string) (KeysReport, error)
	Rotate func(ctx context.Context, flags *pflag.FlagSet, wanted NewKey,
		lifetime *time.Duration) (KeysReport, error)
	Revoke func(ctx context.Context, flags *pflag.FlagSet, id string, force bool) (KeysReport,
		error)
	Prune func(ctx context.Context, flags *pflag.FlagSet) (KeysReport, error)
	List  func(ctx context.Context, flags *pflag.FlagSet) (KeysReport, error)
	// Export is the public JWK Set.
	Export func(ctx context.Context, flags *pflag.FlagSet) (string, error)
}

// NewKey is how a key is asked for; what is empty or nil is left to the command.
type NewKey struct {
	Algorithm, ID string
	SignAfter     *time.Duration
	Force         bool
}

// KeysReport is a keyset, and what a change did to it. It never holds material.
type KeysReport struct {
	// Done says in a line what the command did; empty for list.
	Done string `json:"-"`
	// Notes are lines that an operator should read before he believes that all is well.
	Notes   []string    `json:"-"`
	Keys    []KeyLine   `json:"keys"`
	Changes []KeyChange `json:"changes"`
}

// KeyLine is one key.
type KeyLine struct {
	ID        string     `json:"id"`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state"`
	Next      *KeyChange `json:"next_change"`
}

// KeyChange is a key that will come into another state.
type KeyChange struct {
	At    time.Time `json:"at"`
	ID    string    `json:"id"`
	State string    `json:"state"`
}

// newKeys keeps a keyset file.
func newKeys(commands Commands) *cobra.Command {
	group := prepare(&cobra.Command{
		Use:   "keys",
		Short: "Keeps a keyset file: create, import, rotate, revoke, prune, list, export",
		Long: "Keeps a keyset file, the configured one unless --keyset names another.\n\n" +
			"Changes are locked, whole and synced; the file is never worse than before. Running replicas take a change up within two seconds\n" +
			"of the file being in place.",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return &usageError{command.CommandPath(),
				"name what to do: create, import, rotate, revoke, prune, list or export"}
		},
	})
	group.AddCommand(newKeysCreate(commands), newKeysImport(commands), newKeysRotate(commands),
		newKeysRevoke(commands),
		newKeysPrune(commands), newKeysList(commands), newKeysExport(commands))
	return group
}

// onKeyset makes a command on a keyset. It takes the flags of the configuration, which may name it, and does not list them all: few say
// anything about keys.
func onKeyset(commands Commands, command *cobra.Command, listed ...string) *cobra.Command {
	command.Flags().String(flagKeyset, "", "keyset file; empty: the configured one")
	configuration := pflag.NewFlagSet("", pflag.ContinueOnError)
	commands.AddFlags(configuration)
	configuration.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = !slices.Contains(append(listed, flagConfig), flag.Name)
	})
	command.Flags().AddFlagSet(configuration)
	if command.Long == "" {
		command.Long = command.Short + "."
	}
	command.Long += "\n\nThe flags of sessiond itself are taken too, wherever they name or describe the keyset: see sessiond --help."
	return prepare(command)
}

// newKeyFlags are the flags of a command that adds a key.
type newKeyFlags struct {
	algorithm, id string
	signAfter     time.Duration
	force         bool
}

func (f *newKeyFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.id, "kid", "",
		"id of the key, 1 to 64 of A-Z a-z 0-9 . _ -; empty: made up of the day and chance")
	flags.DurationVar(&f.signAfter, "sign-after", 0,
		"how long the key waits before it signs (10m for HS256, 24h for EdDSA, unless given)")
	flags.BoolVar(&f.force, "force", false, "do it in spite of what speaks against it")
}

func (f *newKeyFlags) addAlgorithm(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&f.algorithm, "alg", "", usage)
}

func (f *newKeyFlags) read(command *cobra.Command) (NewKey, error) {
	wanted := NewKey{Algorithm: f.algorithm, ID: f.id, Force: f.force}
	if command.Flags().Changed("sign-after") {
		if f.signAfter < 0 {
			return NewKey{}, &usageError{command.CommandPath(), "--sign-after must not be negative"}
		}
		wanted.SignAfter = &f.signAfter
	}
	if f.algorithm != "" && f.algorithm != "HS256" && f.algorithm != "EdDSA" {
		return NewKey{}, &usageError{command.CommandPath(), "--alg is HS256 or EdDSA"}
	}
	return wanted, nil
}

func newKeysCreate(commands Commands) *cobra.Command {
	var f newKeyFlags
	command := &cobra.Command{
		Use:   "create",
		Short: "Adds a key; the first one of a new file signs at once",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := f.read(command)
			if err != nil {
				return err
			}
			return told(command)(commands.Keys.Create(command.Context(), command.Flags(), wanted))
		},
	}
	f.addTo(command.Flags())
	f.addAlgorithm(command.Flags(),
		"HS256 or EdDSA; empty: as the key that signs, HS256 in a new file")
	return onKeyset(commands, command)
}

func newKeysImport(commands Commands) *cobra.Command {
	var f newKeyFlags
	var secretFile string
	command := &cobra.Command{
		Use:   "import",
		Short: "Adds an existing secret as an HS256 key",
		Long: "Adds an existing secret as an HS256 key, so that a service moves to a keyset with no session lost.\n\n" +
			"The secret is read as OFFLOAD_SESSION_SECRET is: white space at both ends is no part of it.",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := f.read(command)
			if err != nil {
				return err
			}
			if wanted.ID == "" || secretFile == "" {
				return &usageError{command.CommandPath(), "--kid and --secret-file are required"}
			}
			return told(command)(commands.Keys.Import(command.Context(), command.Flags(), wanted,
				secretFile))
		},
	}
	f.addTo(command.Flags())
	command.Flags().StringVar(&secretFile, "secret-file", "", "file that holds the secret")
	return onKeyset(commands, command)
}

func newKeysRotate(commands Commands) *cobra.Command {
	var f newKeyFlags
	var lifetime time.Duration
	command := &cobra.Command{
		Use:   "rotate",
		Short: "Adds a key that takes over, and plans the end of those before it",
		Long: "Adds a key that takes over after --sign-after, and has the keys before it verify until nothing that they signed is of use any more:\n" +
			"takeover + TTL + renewal grace + clock skew + 60 s. TTL and grace must be the longest in force since the last rotation.",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := f.read(command)
			if err != nil {
				return err
			}
			var longest *time.Duration
			if command.Flags().Changed("ttl") {
				if lifetime < time.Second || lifetime > maxLifetime {
					return &usageError{command.CommandPath(), "--ttl is from 1s to 8760h"}
				}
				longest = &lifetime
			}
			return told(command)(commands.Keys.Rotate(command.Context(), command.Flags(), wanted,
				longest))
		},
	}
	f.addTo(command.Flags())
	f.addAlgorithm(command.Flags(), "HS256 or EdDSA; empty: as the key that signs")
	command.Flags().DurationVar(&lifetime, "ttl", 0,
		"longest lifetime of a session since the last rotation; the configured one unless given")
	return onKeyset(commands, command, flagGrace)
}

func newKeysRevoke(commands Commands) *cobra.Command {
	var force bool
	command := &cobra.Command{
		Use:   "revoke KID",
		Short: "Takes a key out of force at once",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{command.CommandPath(), "name one key"}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return told(command)(commands.Keys.Revoke(command.Context(), command.Flags(), args[0],
				force))
		},
	}
	command.Flags().BoolVar(&force, "force", false, "revoke even the last key that can sign")
	return onKeyset(commands, command)
}

func newKeysPrune(commands Commands) *cobra.Command {
	return onKeyset(commands, &cobra.Command{
		Use:   "prune",
		Short: "Removes expired and revoked keys",
		RunE: func(command *cobra.Command, _ []string) error {
			return told(command)(commands.Keys.Prune(command.Context(), command.Flags()))
		},
	})
}

func newKeysList(commands Commands) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "Shows id, algorithm, state and next change; never material",
		RunE: func(command *cobra.Command, _ []string) error {
			report, err := commands.Keys.List(command.Context(), command.Flags())
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(report)
			}
			return report.writeList(command.OutOrStdout())
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return onKeyset(commands, command)
}

func newKeysExport(commands Commands) *cobra.Command {
	return onKeyset(commands, &cobra.Command{
		Use:   "export",
		Short: "Writes the public JWK Set",
		RunE: func(command *cobra.Command, _ []string) error {
			set, err := commands.Keys.Export(command.Context(), command.Flags())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), set)
			return err
		},
	})
}

// told writes what a change came to.
func told(command *cobra.Command) func(KeysReport, error) error {
	return func(report KeysReport, err error) error {
		if err != nil {
			return err
		}
		return report.writeChange(command.OutOrStdout())
	}
}

// writeChange says what was done, and what will happen when.
func (r KeysReport) writeChange(w io.Writer) error {
	_, _ = fmt.Fprintln(w, r.Done)
	for _, note := range r.Notes {
		_, _ = fmt.Fprintln(w, note)
	}
	_, _ = fmt.Fprintln(w)
	if err := r.writeKeys(w); err != nil {
		return err
	}
	if len(r.Changes) == 0 {
		_, err := fmt.Fprintln(w, "\nNothing further will change by itself.")
		return err
	}
	_, _ = fmt.Fprintln(w, "\nWhat will happen:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, change := range r.Changes {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", change.At.UTC().Format(time.RFC3339), change.ID,
			change.State)
	}
	return table.Flush()
}

// writeList is the keyset, and what an operator should know of it.
func (r KeysReport) writeList(w io.Writer) error {
	err := r.writeKeys(w)
	for _, note := range r.Notes {
		_, err = fmt.Fprintf(w, "\n%s\n", note)
	}
	return err
}

// writeKeys is the keyset as a table.
func (r KeysReport) writeKeys(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tALGORITHM\tSTATE\tNEXT CHANGE")
	for _, key := range r.Keys {
		next := "none"
		if key.Next != nil {
			next = key.Next.State + " at " + key.Next.At.UTC().Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", key.ID, key.Algorithm, key.State, next)
	}
	return table.Flush()
}
