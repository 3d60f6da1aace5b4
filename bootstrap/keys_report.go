package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/app/keyadmin"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
)

// keysReport describes a keyset and its scheduled changes.
func keysReport(keyring *keys.Keyring, now time.Time) cli.KeysReport {
	report := cli.DescribeKeyset(keyring, now)
	report.Notes = signerNotes(keyring, now)
	return report
}

// createSigner returns the command by which an operator creates a key that signs at once.
func createSigner() string {
	forced := slices.DeleteFunc(keys.Algorithms(), func(algorithm keys.Algorithm) bool {
		return algorithm.MinSignAfter() == 0
	})
	return "sessiond keys create --sign-after 0s (with --alg " + keys.Either(forced) + " also --force)"
}

// newKeyNotes says by when verifiers elsewhere need a key that was added, and that versions without
// its algorithm refuse the file if no other key has that algorithm.
func newKeyNotes(outcome keyadmin.Outcome) []string {
	var added keys.Key
	known := outcome.New
	for _, key := range outcome.Keyring.Keys() {
		if key.ID() == outcome.ID {
			added = key
		}
	}
	for _, key := range outcome.Keyring.Keys() {
		known = known || key.ID() != added.ID() && key.Algorithm() == added.Algorithm()
	}
	notes := []string{verifiersNote(added, outcome.Now)}
	if !known {
		notes = append(notes, fmt.Sprintf("%s is new in this file: versions of sessiond without it "+
			"refuse the whole file, so update every replica and tool first.", added.Algorithm()))
	}
	return notes
}

// verifiersNote says by when verifiers elsewhere need a key, and where they get it.
func verifiersNote(key keys.Key, now time.Time) string {
	by := "now"
	if from := key.Plan().SignFrom; from.After(now) {
		by = "before it signs at " + from.UTC().Format(time.RFC3339)
	}
	if key.Algorithm().Published() {
		return fmt.Sprintf("Verifiers elsewhere must read the JWK Set with %s %s.", key.ID(), by)
	}
	return fmt.Sprintf("Backends that verify with the same keys need %s %s: "+
		"sessiond keys export --signing-keys --force", key.ID(), by)
}

// replacementNotes says which key signs after a revocation with --replace.
func replacementNotes(revoked keyadmin.Outcome) []string {
	signer, signs := revoked.Keyring.SignerAt(revoked.Now)
	switch {
	case revoked.Replacement != "":
		notes := []string{fmt.Sprintf("Added %s (%s), which signs at once.", signer.ID(),
			signer.Algorithm()), verifiersNote(signer, revoked.Now)}
		if signer.Algorithm().Published() {
			notes = append(notes, "Until they do, they accept the revoked key: restart them or "+
				"empty their caches.")
		}
		return notes
	case signs:
		return []string{fmt.Sprintf("No key was added: %s signs.", signer.ID())}
	}
	return nil
}

// endingSignerNotes returns notes on what to do if the key that signs in place of a revoked one
// ends before another takes over, and nil otherwise. Such a key was not meant to sign any more, so
// the sessions that it signs now end too early.
func endingSignerNotes(revoked keyadmin.Outcome) []string {
	signer, signs := revoked.Keyring.SignerAt(revoked.Now)
	gap, ok := revoked.Keyring.SigningGap(revoked.Now)
	if !signs || !ok || !gap.From.Equal(signer.Plan().VerifyUntil) {
		return nil
	}
	return []string{fmt.Sprintf("No key signs from %s on: %s, which signs now, ends then, and the "+
		"sessions that it signs end with it.", gap.From.UTC().Format(time.RFC3339), signer.ID()),
		"So let a new key sign soon: " + createSigner() + "."}
}

// signerNotes returns a note on the first period after now in which no key signs, or nil if a key
// signs at all times.
func signerNotes(keyring *keys.Keyring, now time.Time) []string {
	instant := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	toCreateSigner := "To create a key that signs at once: " + createSigner() + "."
	gap, ok := keyring.SigningGap(now)
	switch {
	case !ok:
		return nil
	case gap.From.After(now):
		return []string{"No key signs from " + instant(gap.From) +
			" on: add a key before then (sessiond keys create), or no session " +
			"will be issued."}
	case gap.Until.IsZero():
		return []string{"No key can sign, now or later: replicas refuse this file. " +
			"Running replicas keep the previous keys, including revoked ones; " +
			"no replica can start. " + toCreateSigner}
	}
	return []string{"No key signs until " + instant(gap.Until) +
		": no session is issued until then. " + toCreateSigner}
}

// describeFile returns the name of the file and says if it is new, because a mistyped name creates
// another file.
func describeFile(outcome keyadmin.Outcome, path string) string {
	if outcome.New {
		return "the new file " + path
	}
	return path
}

// joinIDs returns the ids separated by commas.
func joinIDs(ids []keys.ID) string {
	words := make([]string, 0, len(ids))
	for _, id := range ids {
		words = append(words, string(id))
	}
	return strings.Join(words, ", ")
}

// UnnamedKeysetError reports that neither the command nor the configuration names a keyset file.
type UnnamedKeysetError struct{}

// Error says how to name one.
func (UnnamedKeysetError) Error() string {
	return "no keyset file: use --keyset FILE or set " + config.VarKeysetFile
}

// RefusedImportError reports a secret that would make the service refuse the keyset in production.
type RefusedImportError struct{ Cause *keys.RefusedError }

// Error returns the reason.
func (e *RefusedImportError) Error() string {
	return "the service would refuse the file in production: " + e.Cause.Error() +
		"; correct the file, or create a strong key (sessiond keys create), or use --force to import " +
		"the secret anyway"
}

// Unwrap returns the cause.
func (e *RefusedImportError) Unwrap() error { return e.Cause }

// KeysetError reports why a command on a keyset file failed, in one line.
type KeysetError struct {
	Path string
	// Problem is the text that follows the name of the file, including its separator.
	Problem string
	Cause   error
}

// Error returns the file and the problem.
func (e *KeysetError) Error() string {
	return "keyset file " + config.ShownPath(e.Path) + e.Problem
}

// Unwrap returns the cause.
func (e *KeysetError) Unwrap() error { return e.Cause }

// keysetError returns err with the name of the file and, where there is one, a hint on how to
// continue.
func keysetError(path string, err error) error {
	wrapped := &KeysetError{Path: path, Problem: ": " + err.Error(), Cause: err}
	if faults, is := errors.AsType[keyset.Faults](err); is {
		words := make([]string, 0, len(faults))
		for _, fault := range faults {
			if set, malformed := errors.AsType[keys.SetFaults](fault.Cause); malformed {
				return &cli.InvalidFileError{Summary: "invalid keyset " + path, Faults: set.Lines()}
			}
			words = append(words, fault.Error())
		}
		wrapped.Problem = " " + strings.Join(words, ", and ") + faultHint(faults)
	}
	if write, is := errors.AsType[*keyset.WriteError](err); is {
		wrapped.Problem = " " + write.Problem.String()
		if !errors.Is(write.Cause, context.DeadlineExceeded) {
			wrapped.Problem += ": " + write.Cause.Error()
		}
		wrapped.Problem += writeHint(write)
	}
	if plan, is := errors.AsType[*keys.PlanError](err); is {
		wrapped.Problem += planHint(plan)
	}
	if errors.Is(err, keyadmin.NoKeysetError{}) {
		wrapped.Problem = " is not found; create it with sessiond keys create"
	}
	return wrapped
}

// faultHint returns the remedies for a file that cannot be read, each once, or "".
func faultHint(faults keyset.Faults) string {
	var remedies []string
	for _, fault := range faults {
		remedy := fault.Remedy
		if fault.Reason == securefile.Forbidden { // that is not about the service's user
			remedy = "run the command as a user who may read it"
		}
		if remedy != "" && !slices.Contains(remedies, remedy) {
			remedies = append(remedies, remedy)
		}
	}
	if remedies == nil {
		return ""
	}
	return "; " + strings.Join(remedies, "; ")
}

// writeHint returns a hint on how to continue after a failed write, or "".
func writeHint(write *keyset.WriteError) string {
	switch {
	case write.Problem == keyset.ProblemBusy:
		return "; wait until that has ended, and repeat the command"
	case write.Problem == keyset.ProblemOwner:
		return "; run the command as the owner of the file, or as root"
	case write.Problem != keyset.ProblemUnwritable:
	case errors.Is(write.Cause, fs.ErrNotExist):
		return "; create its folder first"
	case errors.Is(write.Cause, fs.ErrPermission):
		return "; run the command as the owner of its folder, or as root"
	case errors.Is(write.Cause, syscall.EROFS):
		return "; change a copy where it can be written, and put that in its place"
	case errors.Is(write.Cause, syscall.ENOSPC), errors.Is(write.Cause, syscall.EDQUOT):
		return "; make room there, and repeat the command"
	}
	return ""
}

// planHint returns a hint on how to continue after a refused plan, or "".
func planHint(plan *keys.PlanError) string {
	switch plan.Problem {
	case keys.ProblemUnknownID:
		return "; sessiond keys list shows the ids"
	case keys.ProblemSameID:
		return "; use another --kid"
	case keys.ProblemPending:
		return "; wait for it, or use --force"
	case keys.ProblemSignerEnds:
		return "; add a key with sessiond keys create, or use --force to rotate anyway"
	case keys.ProblemNoSigner:
		return "; add one first: sessiond keys revoke KID --replace, for any key of the file"
	case keys.ProblemNoSignerNow:
		return "; use --replace to add a key that signs at once, or --force to revoke it anyway"
	case keys.ProblemTooSoon:
		return fmt.Sprintf("; use --sign-after %.0fs or more, or --force",
			plan.MinSignAfter.Seconds())
	case keys.ProblemFull:
		return "; remove the expired and revoked ones: sessiond keys prune"
	case keys.ProblemFullInForce:
		return "; revoke one that is not needed (sessiond keys revoke KID, with --force if no key " +
			"signs), then remove it: sessiond keys prune"
	case keys.ProblemSameMaterial, keys.ProblemTooFar:
	}
	return ""
}
