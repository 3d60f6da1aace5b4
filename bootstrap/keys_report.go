package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/app/keyadmin"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
)

// keysReport tells a keyset, and what will happen to it.
func keysReport(ring *keys.Keyring, now time.Time) cli.KeysReport {
	report := cli.KeysReport{Keys: []cli.KeyLine{}, Changes: []cli.KeyChange{},
		Notes: wants(ring, now)}
	next := map[keys.ID]*cli.KeyChange{}
	for _, change := range ring.Schedule(now) {
		told := cli.KeyChange{At: change.At, ID: string(change.ID), State: change.State.String()}
		report.Changes = append(report.Changes, told)
		if next[change.ID] == nil {
			next[change.ID] = &told
		}
	}
	for _, key := range ring.Keys() {
		report.Keys = append(report.Keys, cli.KeyLine{
			ID: string(key.ID()), Algorithm: string(key.Algorithm()),
			State: ring.StateAt(key, now).String(), Next: next[key.ID()],
		})
	}
	return report
}

// atOnce is what helps where no key signs.
const atOnce = "A key that signs at once: sessiond keys create --sign-after 0s (an EdDSA one also --force)."

// wants tells of the first time, from now on, in which no key signs.
func wants(ring *keys.Keyring, now time.Time) []string {
	instant := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	if !ring.CanSign(now) {
		return []string{"No key can sign, now or later: replicas refuse this file. Those that run go on with what they had, revoked keys included; " +
			"none starts. " + atOnce}
	}
	if _, signs := ring.SignerAt(now); !signs {
		from, _ := ring.NextSignerFrom(now)
		return []string{"No key signs until " + instant(from) +
			": no session is issued until then. " + atOnce}
	}
	for _, change := range ring.Schedule(now) {
		if _, signs := ring.SignerAt(change.At); !signs {
			return []string{"No key signs from " + instant(change.At) +
				" on: rotate before, or no session is issued."}
		}
	}
	return nil
}

// fileOf is a file's name with a word where it is new, for a mistyped name makes a file of its own.
func fileOf(outcome keyadmin.Outcome, path string) string {
	if outcome.New {
		return "the new file " + path
	}
	return path
}

func listed(ids []keys.ID) string {
	words := make([]string, 0, len(ids))
	for _, id := range ids {
		words = append(words, string(id))
	}
	return strings.Join(words, ", ")
}

// UnnamedKeysetError is a command that was not told which file it is about.
type UnnamedKeysetError struct{}

// Error tells how to.
func (UnnamedKeysetError) Error() string {
	return "no keyset file is named: give --keyset FILE, or set " + varKeysetFile
}

// KeyIDError is an id that no key can have. It does not tell the text, which may be anything.
type KeyIDError struct {
	// What is the argument that it was given as.
	What string
}

// Error tells what an id is.
func (e KeyIDError) Error() string { return e.What + " is not 1 to 64 of A-Z a-z 0-9 . _ -" }

// RefusedImportError is a secret that would spoil the keyset for the service of this configuration.
type RefusedImportError struct{ Cause *config.RefusedKeysError }

// Error tells why.
func (e *RefusedImportError) Error() string {
	return "the service of this configuration would refuse the file: " + e.Cause.Error() +
		"; --force imports the secret all the same"
}

// Unwrap tells the cause.
func (e *RefusedImportError) Unwrap() error { return e.Cause }

// KeysetError is what a command on a keyset file failed with, in one line.
type KeysetError struct {
	Path string
	// Problem follows the file's name.
	Problem string
	Cause   error
}

// Error tells the file and the problem.
func (e *KeysetError) Error() string { return "keyset file " + e.Path + e.Problem }

// Unwrap tells the cause.
func (e *KeysetError) Unwrap() error { return e.Cause }

// aboutKeyset is err with the file's name, in the words of an operator who wants to go on.
func aboutKeyset(path string, err error) error {
	about := &KeysetError{Path: path, Problem: ": " + err.Error(), Cause: err}
	if faults, is := errors.AsType[keyset.Faults](err); is {
		words := make([]string, 0, len(faults))
		for _, fault := range faults {
			if set, malformed := errors.AsType[keys.SetFaults](fault.Cause); malformed {
				return &cli.InvalidArgumentsError{Summary: "keyset file " + path + " " +
					fault.Reason.String(), Faults: set.Lines()}
			}
			words = append(words, fault.String())
		}
		about.Problem = " " + strings.Join(words, ", and ")
	}
	if write, is := errors.AsType[*keyset.WriteError](err); is {
		about.Problem = " " + write.Problem.String()
		if !errors.Is(write.Cause, context.DeadlineExceeded) {
			about.Problem += ": " + write.Cause.Error()
		}
	}
	if plan, is := errors.AsType[*keys.PlanError](err); is {
		about.Problem += wayOut(plan)
	}
	if errors.Is(err, keyadmin.NoKeysetError{}) {
		about.Problem = " is not found; sessiond keys create makes one"
	}
	return about
}

// wayOut is what to do about a plan that was not made.
func wayOut(plan *keys.PlanError) string {
	switch plan.Problem {
	case keys.ProblemUnknownID:
		return "; sessiond keys list shows them"
	case keys.ProblemSameID:
		return "; give another --kid"
	case keys.ProblemPending:
		return "; wait for it, or give --force"
	case keys.ProblemSignerEnds:
		return "; --force rotates all the same"
	case keys.ProblemNoSigner:
		if plan.ID == "" { // a prune, which has no --force
			return "; make one first: sessiond keys create --sign-after 0s"
		}
		return "; make one first (sessiond keys create --sign-after 0s), or give --force"
	case keys.ProblemTooSoon:
		return fmt.Sprintf("; give --sign-after %.0fs or more, or --force",
			keys.MinSignAfterEdDSA.Seconds())
	case keys.ProblemSameMaterial, keys.ProblemTooFar:
	}
	return ""
}
