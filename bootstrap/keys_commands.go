package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/app/keyadmin"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
)

// keyCommands implements the commands of sessiond keys. They do not need a valid configuration,
// only valid values of the variables that they read: the first key is created before the service
// can start.
type keyCommands struct {
	load  func(*pflag.FlagSet) config.Review
	clock *clock.Clock
}

// commands returns the functions for the command line.
func (k keyCommands) commands() cli.Keys {
	return cli.Keys{
		Create: k.create, Import: k.importKey, Rotate: k.rotate, Revoke: k.revoke, Prune: k.prune,
		List: k.list, Export: k.export, ExportSigningKeys: k.exportSigningKeys,
	}
}

// path returns the keyset file that the flags or the configuration name.
func (k keyCommands) path(flags *pflag.FlagSet) (string, error) {
	if path, err := flags.GetString("keyset"); err == nil && path != "" {
		return path, nil
	}
	review := k.load(flags)
	if review.Config.KeysetFile != "" {
		return review.Config.KeysetFile, nil
	}
	// It may be named in a configuration file or value that cannot be read.
	if err := invalidIn(review, config.VarConfigFile, config.VarKeysetFile); err != nil {
		return "", err
	}
	return "", UnnamedKeysetError{}
}

// change has apply change the keyset and reports the outcome. describe returns the first line of
// the report.
func (k keyCommands) change(
	flags *pflag.FlagSet, apply func(*keyadmin.Service) (keyadmin.Outcome, error),
	describe func(outcome keyadmin.Outcome, path string) string,
) (cli.KeysReport, error) {
	path, err := k.path(flags)
	if err != nil {
		return cli.KeysReport{}, err
	}
	outcome, err := apply(keyadmin.New(keyset.NewStore(path), k.clock, entropy.Source{}))
	if err != nil {
		return cli.KeysReport{}, keysetError(path, err)
	}
	report := keysReport(outcome.Keyring, outcome.Now)
	report.Done = describe(outcome, path)
	return report, nil
}

func (k keyCommands) create(ctx context.Context, flags *pflag.FlagSet,
	wanted cli.NewKey) (cli.KeysReport, error) {
	key := newKey(wanted)
	var created keyadmin.Outcome
	report, err := k.change(flags,
		func(admin *keyadmin.Service) (outcome keyadmin.Outcome, err error) {
			created, err = admin.Create(ctx, key)
			return created, err
		},
		func(outcome keyadmin.Outcome, path string) string {
			return fmt.Sprintf("Created %s in %s.", outcome.ID, describeFile(outcome, path))
		})
	if err == nil {
		report.Notes = append(newKeyNotes(created), report.Notes...)
	}
	return report, err
}

// importKey implements sessiond keys import.
func (k keyCommands) importKey(ctx context.Context, flags *pflag.FlagSet, wanted cli.NewKey,
	secretFile string) (cli.KeysReport, error) {
	key := newKey(wanted)
	review := k.load(flags)
	imported, err := review.ReadImport(secretFile, key.ID, k.clock.Now())
	if err != nil {
		return cli.KeysReport{}, err
	}
	if imported.Refused != nil && !wanted.Force {
		return cli.KeysReport{}, &RefusedImportError{Cause: imported.Refused}
	}
	report, err := k.change(flags,
		func(admin *keyadmin.Service) (keyadmin.Outcome, error) {
			return admin.Import(ctx, key, imported.Secret.Bytes())
		},
		func(outcome keyadmin.Outcome, path string) string {
			return fmt.Sprintf("Imported %s into %s.", outcome.ID, describeFile(outcome, path))
		})
	if err != nil {
		return cli.KeysReport{}, err
	}
	for _, finding := range imported.Weak {
		report.Notes = append(report.Notes, fmt.Sprintf(
			"The key %s %s: a production-like environment refuses the file.", key.ID, finding))
	}
	return report, nil
}

func (k keyCommands) rotate(ctx context.Context, flags *pflag.FlagSet, wanted cli.NewKey,
	lifetime *time.Duration) (cli.KeysReport, error) {
	key := newKey(wanted)
	review := k.load(flags)
	err := invalidIn(review, config.VarConfigFile, config.VarTTL, config.VarRenewalGrace,
		config.VarClockSkew)
	if err != nil {
		return cli.KeysReport{}, err
	}
	retention, from := review.Retention(), review.OriginOf(config.VarTTL)
	if lifetime != nil {
		retention.Lifetime, from = *lifetime, "flag --ttl"
	}
	var rotated keyadmin.Outcome
	report, err := k.change(flags,
		func(admin *keyadmin.Service) (outcome keyadmin.Outcome, err error) {
			rotated, err = admin.Rotate(ctx, key, retention)
			return rotated, err
		},
		func(outcome keyadmin.Outcome, path string) string {
			return fmt.Sprintf("Planned a rotation to %s in %s.", outcome.ID, path)
		})
	if err != nil {
		return cli.KeysReport{}, err
	}
	report.Notes = append(newKeyNotes(rotated), report.Notes...)
	report.Notes = append([]string{
		fmt.Sprintf("TTL used: %.0f s (%s).", retention.Lifetime.Seconds(), from),
		fmt.Sprintf("Renewal grace used: %.0f s (%s).", retention.RenewalGrace.Seconds(),
			review.OriginOf(config.VarRenewalGrace)),
		"Both must be the longest in force since the last rotation; otherwise sessions end early.",
	}, report.Notes...)
	return report, nil
}

func (k keyCommands) revoke(ctx context.Context, flags *pflag.FlagSet,
	wanted cli.Revocation) (cli.KeysReport, error) {
	var revoked keyadmin.Outcome
	report, err := k.change(flags,
		func(admin *keyadmin.Service) (outcome keyadmin.Outcome, err error) {
			revoked, err = admin.Revoke(ctx, keyadmin.Revocation{ID: wanted.ID, Replace: wanted.Replace,
				Force: wanted.Force})
			return revoked, err
		},
		func(_ keyadmin.Outcome, path string) string {
			return fmt.Sprintf("Revoked %s in %s.", wanted.ID, path)
		})
	if err != nil {
		return report, err
	}
	if ending := endingSignerNotes(revoked); ending != nil {
		report.Notes = ending
	}
	if wanted.Replace {
		report.Notes = append(replacementNotes(revoked), report.Notes...)
	}
	return report, err
}

func (k keyCommands) prune(ctx context.Context, flags *pflag.FlagSet) (cli.KeysReport, error) {
	return k.change(flags,
		func(admin *keyadmin.Service) (keyadmin.Outcome, error) { return admin.Prune(ctx) },
		func(outcome keyadmin.Outcome, path string) string {
			if len(outcome.Removed) == 0 {
				return fmt.Sprintf("Nothing to remove from %s: no key is expired or revoked.", path)
			}
			return fmt.Sprintf("Removed from %s: %s.", path, joinIDs(outcome.Removed))
		})
}

func (k keyCommands) list(_ context.Context, flags *pflag.FlagSet) (cli.KeysReport, error) {
	keyring, err := k.read(flags)
	if err != nil {
		return cli.KeysReport{}, err
	}
	return keysReport(keyring, k.clock.Now()), nil
}

// export implements sessiond keys export. An empty set is what a keyset of HS256 keys publishes,
// and rarely what the operator expects.
func (k keyCommands) export(_ context.Context, flags *pflag.FlagSet) (cli.Exported, error) {
	keyring, err := k.read(flags)
	if err != nil {
		return cli.Exported{}, err
	}
	now := k.clock.Now()
	exported := cli.Exported{Text: keys.FormatPublic(keyring, now)}
	if !slices.ContainsFunc(keyring.Keys(), func(key keys.Key) bool {
		state := keyring.StateAt(key, now)
		return key.Algorithm().Published() && state != keys.Expired && state != keys.Revoked
	}) {
		exported.Notes = []string{"The set is empty: no key that may verify has a public part. HS256 " +
			"keys are secrets, which sessiond keys export --signing-keys --force prints."}
	}
	return exported, nil
}

// exportSigningKeys implements sessiond keys export --signing-keys.
func (k keyCommands) exportSigningKeys(_ context.Context, flags *pflag.FlagSet) (cli.Exported,
	error) {
	keyring, err := k.read(flags)
	if err != nil {
		return cli.Exported{}, err
	}
	now := k.clock.Now()
	object, err := keys.FormatSigningKeys(keyring, now)
	if err != nil {
		return cli.Exported{}, err
	}
	exported := cli.Exported{Text: object, Notes: []string{
		"This is secret: anyone who has these keys can create sessions. It is a value for " +
			config.VarSigningKeys + "."}}
	if signer, signs := keyring.SignerAt(now); signs && signer.Algorithm() != keys.HS256 {
		exported.Notes = append(exported.Notes, fmt.Sprintf(
			"Sessions of %s, which signs, cannot be verified with them: it is an %s key.", signer.ID(),
			signer.Algorithm()))
	}
	return exported, nil
}

// read loads the keyset that the flags or the configuration name.
func (k keyCommands) read(flags *pflag.FlagSet) (*keys.Keyring, error) {
	path, err := k.path(flags)
	if err != nil {
		return nil, err
	}
	keyring, err := keyset.Load(path)
	if err != nil {
		return nil, keysetError(path, err)
	}
	return keyring, nil
}

// newKey converts the key that the command line asks for to the type of the use case.
func newKey(wanted cli.NewKey) keyadmin.NewKey {
	return keyadmin.NewKey{
		Algorithm: keys.Algorithm(wanted.Algorithm), ID: wanted.ID, SignAfter: wanted.SignAfter,
		Force: wanted.Force,
	}
}

// invalidIn returns the faults of the given variables, or nil if they have none.
func invalidIn(review config.Review, variables ...string) error {
	review.Warnings = nil
	review.Faults = slices.DeleteFunc(review.Faults, func(fault config.Fault) bool {
		return !slices.Contains(variables, fault.Variable)
	})
	if err := invalid(review); err != nil {
		return err
	}
	return nil
}
