package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/offload/sessiond/domain/keys"
)

// flagKeyset is the flag that names the keyset file.
const flagKeyset = "keyset"

// maxLifetime is the longest lifetime of a session that can be configured, and so the longest that
// --ttl accepts.
const maxLifetime = 365 * 24 * time.Hour

// Keys holds the functions behind the keys commands. Each receives the flags of the command, which
// may name the keyset.
type Keys struct {
	Create func(ctx context.Context, flags *pflag.FlagSet, wanted NewKey) (KeysReport, error)
	Import func(ctx context.Context, flags *pflag.FlagSet, wanted NewKey,
		secretFile string) (KeysReport, error)
	Rotate func(ctx context.Context, flags *pflag.FlagSet, wanted NewKey,
		lifetime *time.Duration) (KeysReport, error)
	Revoke func(ctx context.Context, flags *pflag.FlagSet, wanted Revocation) (KeysReport, error)
	Prune  func(ctx context.Context, flags *pflag.FlagSet) (KeysReport, error)
	List   func(ctx context.Context, flags *pflag.FlagSet) (KeysReport, error)
	// Export returns the public JWK Set.
	Export func(ctx context.Context, flags *pflag.FlagSet) (Exported, error)
	// ExportSigningKeys returns the symmetric keys, for backends that verify with them.
	ExportSigningKeys func(ctx context.Context, flags *pflag.FlagSet) (Exported, error)
}

// NewKey describes a requested key. An empty or nil field selects the default.
type NewKey struct {
	Algorithm string
	ID        keys.ID
	SignAfter *time.Duration
	Force     bool
}

// Revocation describes a key to revoke.
type Revocation struct {
	ID             keys.ID
	Replace, Force bool
}

// Exported is the only report that may contain key material.
type Exported struct {
	// Text is a JWK Set, or a JSON object from ids to secrets, in one line.
	Text string
	// Notes are lines for the operator, without key material.
	Notes []string
}

// newKeys returns the group of commands that manage a keyset file.
func newKeys(commands Commands) *cobra.Command {
	group := prepare(&cobra.Command{
		Use:   "keys",
		Short: "Manages a keyset file: create, rotate, revoke keys and more",
		Long: "Manages a keyset file: the configured one, unless --keyset names another.\n\n" +
			"A change takes a lock, replaces the file atomically and syncs it to disk; if it\n" +
			"fails, the previous file stays. Running replicas apply a change within two\n" +
			"seconds after the file is in place.",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return &usageError{command.CommandPath(),
				"missing command: create, import, rotate, revoke, prune, list or export"}
		},
	})
	group.AddCommand(newKeysCreate(commands), newKeysImport(commands), newKeysRotate(commands),
		newKeysRevoke(commands),
		newKeysPrune(commands), newKeysList(commands), newKeysExport(commands))
	return group
}

// onKeyset adds the flags of a command on a keyset, and completes its description. The flags
// include those of the configuration, which may name the keyset; the help lists only --config and
// the given ones.
func onKeyset(commands Commands, command *cobra.Command, listed ...string) *cobra.Command {
	command.Flags().String(flagKeyset, "", "keyset file (default: the configured one)")
	addHidden(commands, command.Flags(), listed...)
	if command.Long == "" {
		command.Long = command.Short + "."
	}
	command.Long += "\n\n" +
		"Configuration flags that name or describe the keyset are accepted too: see\n" +
		"sessiond --help."
	return prepare(command)
}

func newKeysCreate(commands Commands) *cobra.Command {
	var f newKeyFlags
	command := reporting(&cobra.Command{
		Use:   "create",
		Short: "Adds a key; the first key of a new file signs at once",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := f.read(command)
			if err != nil {
				return err
			}
			return writeChange(command)(commands.Keys.Create(command.Context(), command.Flags(),
				wanted))
		},
	})
	f.addTo(command.Flags())
	f.addAlgorithm(command.Flags())
	return onKeyset(commands, command)
}

func newKeysImport(commands Commands) *cobra.Command {
	var f newKeyFlags
	var secretFile string
	command := reporting(&cobra.Command{
		Use:   "import",
		Short: "Adds an existing secret as an HS256 key",
		Long: "Adds an existing secret as an HS256 key, so that a service can move to a keyset\n" +
			"without losing sessions.\n\n" +
			"The secret is read like " + commands.Names.SecretVariable +
			": white space at both ends is\n" +
			"removed.",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := f.read(command)
			if err != nil {
				return err
			}
			if wanted.ID == "" || secretFile == "" {
				return &usageError{command.CommandPath(), "--kid and --secret-file are required"}
			}
			return writeChange(command)(commands.Keys.Import(command.Context(), command.Flags(),
				wanted, secretFile))
		},
	})
	f.addTo(command.Flags())
	command.Flags().StringVar(&secretFile, "secret-file", "", "file that holds the secret")
	return onKeyset(commands, command)
}

func newKeysRotate(commands Commands) *cobra.Command {
	var f newKeyFlags
	var lifetime time.Duration
	command := reporting(&cobra.Command{
		Use:   "rotate",
		Short: "Adds a key that takes over, and schedules expiry of previous keys",
		Long: "Adds a key that takes over after --sign-after. The previous keys verify as long\n" +
			"as sessions that they signed are of use: until takeover + TTL + renewal grace +\n" +
			"clock skew + 60 s. TTL and renewal grace must be the longest in force since the\n" +
			"last rotation.",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := f.read(command)
			if err != nil {
				return err
			}
			var longest *time.Duration
			if command.Flags().Changed("ttl") {
				if lifetime < time.Second || lifetime > maxLifetime {
					return &usageError{command.CommandPath(), "--ttl must be from 1s to 8760h"}
				}
				longest = &lifetime
			}
			return writeChange(command)(commands.Keys.Rotate(command.Context(), command.Flags(),
				wanted, longest))
		},
	})
	f.addTo(command.Flags())
	f.addAlgorithm(command.Flags())
	command.Flags().DurationVar(&lifetime, "ttl", 0,
		"longest session lifetime since the last rotation (default: the configured one)")
	return onKeyset(commands, command, commands.Names.RenewalGraceFlag)
}

func newKeysRevoke(commands Commands) *cobra.Command {
	var replace, force bool
	command := reporting(&cobra.Command{
		Use:   "revoke KID",
		Short: "Revokes a key: tokens that it signed are rejected from then on",
		Long: "Revokes a key: tokens that it signed are rejected from then on.\n\n" +
			"If a key has leaked, use --replace: in the same write, and if no other key\n" +
			"signs now, it adds a key of the same algorithm that signs at once. Without it,\n" +
			"a revocation after which no key would sign is refused.",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{command.CommandPath(), "give exactly one key id"}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			id, err := keyID(command, "KID", args[0])
			if err != nil {
				return err
			}
			return writeChange(command)(commands.Keys.Revoke(command.Context(), command.Flags(),
				Revocation{ID: id, Replace: replace, Force: force}))
		},
	})
	command.Flags().BoolVar(&replace, "replace", false,
		"if no other key signs, add one that signs at once")
	command.Flags().BoolVar(&force, "force", false, "revoke even if no key would sign then")
	return onKeyset(commands, command)
}

func newKeysPrune(commands Commands) *cobra.Command {
	return onKeyset(commands, reporting(&cobra.Command{
		Use:   "prune",
		Short: "Removes expired and revoked keys",
		RunE: func(command *cobra.Command, _ []string) error {
			return writeChange(command)(commands.Keys.Prune(command.Context(), command.Flags()))
		},
	}))
}

func newKeysList(commands Commands) *cobra.Command {
	var asJSON bool
	command := reporting(&cobra.Command{
		Use:   "list",
		Short: "Lists id, algorithm, state and next change, without key material",
		RunE: func(command *cobra.Command, _ []string) error {
			report, err := commands.Keys.List(command.Context(), command.Flags())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command, report)
			}
			return write(command, report, report.writeList)
		},
	})
	command.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	return onKeyset(commands, command)
}

func newKeysExport(commands Commands) *cobra.Command {
	var signingKeys, force bool
	command := &cobra.Command{
		Use:   "export",
		Short: "Writes the public JWK Set",
		Long: "Writes the public JWK Set.\n\n" +
			"With --signing-keys --force it writes the secrets of the HS256 keys that are\n" +
			"pending, signing or verifying, as the JSON object that\n" +
			commands.Names.SigningKeysVariable +
			" holds, for a backend that verifies with\nthe same keys.",
		RunE: func(command *cobra.Command, _ []string) error {
			if signingKeys {
				return exportSigningKeys(commands, command, force)
			}
			set, err := commands.Keys.Export(command.Context(), command.Flags())
			if err != nil {
				return err
			}
			return writeExported(command, set)
		},
	}
	command.Flags().BoolVar(&signingKeys, "signing-keys", false,
		"write the secrets of the HS256 keys instead")
	command.Flags().BoolVar(&force, "force", false, "confirm that secrets are written")
	return onKeyset(commands, command)
}

// exportSigningKeys writes the secrets.
func exportSigningKeys(commands Commands, command *cobra.Command, force bool) error {
	if !force {
		return &usageError{command.CommandPath(),
			"--signing-keys writes secrets: add --force to confirm"}
	}
	exported, err := commands.Keys.ExportSigningKeys(command.Context(), command.Flags())
	if err != nil {
		return err
	}
	return writeExported(command, exported)
}

// writeExported writes the text alone to standard output, and notes to standard error.
func writeExported(command *cobra.Command, exported Exported) error {
	for _, note := range exported.Notes {
		_, _ = fmt.Fprintln(command.ErrOrStderr(), note)
	}
	_, err := fmt.Fprintln(command.OutOrStdout(), exported.Text)
	return err
}
