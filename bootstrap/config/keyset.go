package config

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/strict"
)

// remedyKey is the remedy for a weak key.
const remedyKey = "create a strong key with sessiond keys create, then remove this one"

// keyringOfFile returns the keyring of the keyset file.
func (r *reviewer) keyringOfFile(policy secret.Policy) *keys.Keyring {
	if r.given[VarSigningKeys] {
		r.faultOf(VarSigningKeys, "is set together with "+VarKeysetFile,
			"set only one of the two")
	}
	r.noteUnusedSecret(VarKeysetFile)
	if r.broken[VarKeysetFile] {
		return nil
	}
	name := string(r.fields.KeysetFile)
	// The keys are checked below, so that each weakness is reported, even if the file has other
	// faults.
	var read []keys.Placed
	capture := func(placed []keys.Placed) error {
		read = placed
		return nil
	}
	keyring, err := keyset.Read(name, keyset.Rules{Production: r.production, Accept: capture},
		r.loader.Now)
	words := "names the file " + ShownPath(name) + ", which "
	faults, _ := errors.AsType[keyset.Faults](err)
	for _, fault := range faults {
		r.keysetFault(words, fault)
	}
	r.warnForeign(VarKeysetFile, words, name)
	for _, weak := range keys.WeakKeys(read, policy, r.loader.Now) {
		r.weaknesses(VarKeysetFile, weak.Place, weak.Weaknesses, remedyKey)
	}
	for _, key := range read {
		r.signing = append(r.signing, key.Secret())
	}
	return keyring
}

// keysetFault reports a fault of the file. Faults of its keys are reported one by one.
func (r *reviewer) keysetFault(which string, fault *securefile.Fault) {
	if set, malformed := errors.AsType[keys.SetFaults](fault.Cause); malformed {
		for _, line := range set.Lines() {
			r.faultOf(VarKeysetFile, which+"is not a valid keyset: "+line, fault.Remedy)
		}
		return
	}
	r.faultOf(VarKeysetFile, which+fault.Error(), fileRemedy(string(r.fields.KeysetFile),
		fault.Remedy))
}

// KeysetRules returns the rules for the configured keyset. They judge keys by their state at now(),
// and read the operator's list each time. The list is followed together with the keyset.
func (r *Review) KeysetRules(now func() time.Time) keyset.Rules {
	accept := func(all []keys.Placed) error {
		requirements, err := r.current()
		if err != nil {
			return err
		}
		return requirements.Check(all, now())
	}
	rules := keyset.Rules{Production: r.Config.Production, Accept: accept, Retention: r.Retention()}
	if r.denylistFile != "" {
		rules.Lists, rules.ListsVersion = []string{r.denylistFile}, r.denylistVersion
	}
	return rules
}

// Retention returns how long sessions are of use under the configured lifetimes.
func (r *Review) Retention() keys.Retention {
	settings := r.Config.Session
	return keys.Retention{Lifetime: settings.Lifetime, RenewalGrace: settings.RenewalGrace,
		ClockSkew: settings.ClockSkew}
}

// RemedyEarlyEnd returns the remedy for keys that end while sessions that they signed are of use.
func RemedyEarlyEnd() string {
	return "before they end, move verify_until of these keys in the keyset file to when their last " +
		"session is of no more use, or shorten " + VarTTL + " or " + VarRenewalGrace
}

// EarlyEnds warns of keys that end while sessions that they signed are of use. The warnings are not
// among those of the review, because a service that starts logs an event of its own for them.
func (r *Review) EarlyEnds(now time.Time) []Warning {
	if r.Config.KeysetFile == "" || r.Keyring == nil {
		return nil
	}
	var warnings []Warning
	instant := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	for _, early := range r.Keyring.EarlyEnds(r.Retention(), now) {
		warnings = append(warnings, Warning{Variable: VarKeysetFile,
			Origin: r.OriginOf(VarKeysetFile),
			Problem: "names the file " + ShownPath(r.Config.KeysetFile) + ", in which the key " +
				string(early.ID) + " ends at " + instant(early.VerifyUntil) + ", but sessions that " +
				"it signs are of use until " + instant(early.UsefulUntil),
			Remedy: RemedyEarlyEnd()})
	}
	return warnings
}

// NotYet warns of a keyset in which no key signs before a later instant. The remedy is a command
// that creates a signer. The warning is not among those of the review, because a service that
// starts logs an event of its own for it.
func (r *Review) NotYet(now time.Time, createSigner string) []Warning {
	if r.Config.KeysetFile == "" || r.Keyring == nil {
		return nil
	}
	gap, ok := r.Keyring.SigningGap(now)
	if !ok || gap.From.After(now) || gap.Until.IsZero() {
		return nil
	}
	return []Warning{{Variable: VarKeysetFile, Origin: r.OriginOf(VarKeysetFile),
		Problem: "names the file " + ShownPath(r.Config.KeysetFile) + ", in which no key signs until " +
			gap.Until.UTC().Format(time.RFC3339) + ": the service is not ready and issues no session " +
			"until then",
		Remedy: "create a key that signs at once: " + createSigner}}
}

// Import is a secret to be imported as a key.
type Import struct {
	Secret Secret
	// Weak lists its weaknesses.
	Weak []secret.Finding
	// Refused says why the service, with this configuration in a production-like environment, would
	// refuse a keyset with that key; nil if it would accept it.
	Refused *keys.RefusedError
}

// ReadImport reads a secret from a file like OFFLOAD_SESSION_SECRET, without the white space at
// both ends, and assesses it as the key with the given id. It returns a *SecretFileError if the
// file cannot be used.
func (r *Review) ReadImport(name string, id keys.ID, now time.Time) (Import, error) {
	read, fault := readFile(name, maxFile)
	if fault != nil {
		return Import{}, &SecretFileError{Problem: fault.Error() + "; " + fault.Remedy}
	}
	text := secret.Trim(string(read.Content))
	if encoding := strict.UTF16(text); encoding != "" {
		return Import{}, &SecretFileError{Problem: "is in " + encoding + ": save it as UTF-8"}
	}
	if text == "" || !utf8.ValidString(text) {
		return Import{}, &SecretFileError{Problem: "is empty or not UTF-8 text; write the " +
			"secret alone into it"}
	}
	imported := Import{Secret: NewSecret(text)}
	key := keys.Placed{Key: keys.NewHS256(id, imported.Secret.Bytes(), keys.Plan{}), Index: -1}
	// The keyset will hold bytes; what was read is text, to which all rules apply.
	imported.Weak = r.policy.Assess(text)
	imported.Refused, _ = errors.AsType[*keys.RefusedError](r.requirements.Check(
		[]keys.Placed{key}, now))
	if len(imported.Weak) > 0 {
		if imported.Refused == nil {
			imported.Refused = &keys.RefusedError{}
		}
		imported.Refused.Weak = []keys.WeakKey{{Place: key.Place(), Weaknesses: imported.Weak}}
	}
	return imported, nil
}

// SecretFileError reports a file without a secret that can be imported. It does not contain the
// name of the file, which may be the secret itself.
type SecretFileError struct{ Problem string }

// Error returns the problem.
func (e *SecretFileError) Error() string { return "the file of --secret-file " + e.Problem }
