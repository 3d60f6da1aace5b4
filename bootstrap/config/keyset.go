package config

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

// remedyKey is the remedy for a weak key.
const remedyKey = "create a strong key with sessiond keys create, then remove this one"

// keyringOfFile returns the keyring of the keyset file.
func (r *reviewer) keyringOfFile(policy secret.Policy) *keys.Keyring {
	if r.given[varSigningKeys] {
		r.faultOf(varSigningKeys, "is set together with "+VarKeysetFile,
			"set only one of the two")
	}
	r.noteUnusedSecret(VarKeysetFile)
	if r.broken[VarKeysetFile] {
		return nil
	}
	name := string(r.fields.KeysetFile)
	// The keys are checked below, so that each weakness is reported, even if the file has other
	// faults.
	var read *keys.Keyring
	capture := func(keyring *keys.Keyring) error {
		read = keyring
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
	if read == nil {
		return nil
	}
	for _, weak := range keys.WeakKeys(read, policy, r.loader.Now) {
		r.weaknesses(VarKeysetFile, "key "+string(weak.ID)+" ", weak.Weaknesses, remedyKey)
	}
	for _, key := range read.Keys() {
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
	r.faultOf(VarKeysetFile, which+fault.Error(), fault.Remedy)
}

// KeysetRules returns the rules for the configured keyset. The state of a key is that at now().
func (r *Review) KeysetRules(now func() time.Time) keyset.Rules {
	requirements := r.requirements
	return keyset.Rules{Production: r.Config.Production, Accept: func(keyring *keys.Keyring) error {
		return requirements.Check(keyring, now())
	}}
}

// Import is a secret to be imported as a key.
type Import struct {
	Secret Secret
	// Weak lists its weaknesses.
	Weak []secret.Finding
	// Refused says why the service, with this configuration, would refuse a keyset with that key;
	// nil if it would accept it.
	Refused *keys.RefusedError
}

// ReadImport reads a secret from a file like OFFLOAD_SESSION_SECRET, without the white space at
// both ends, and assesses it as the key with the given id. It returns a *SecretFileError if the
// file cannot be used.
func (r *Review) ReadImport(name string, id keys.ID, now time.Time) (Import, error) {
	read, fault := readFile(name, maxFile)
	if fault != nil {
		return Import{}, &SecretFileError{Problem: fault.Error()}
	}
	text := secret.Trim(string(read.Content))
	if text == "" || !utf8.ValidString(text) {
		return Import{}, &SecretFileError{Problem: "is empty or not UTF-8 text"}
	}
	imported := Import{Secret: NewSecret(text)}
	keyring, err := keys.NewKeyring(keys.NewHS256(id, imported.Secret.Bytes(),
		keys.Plan{SignFrom: now}))
	if err != nil {
		return Import{}, err // a single key cannot conflict with another
	}
	// The keyset will hold bytes; what was read is text, to which all rules apply.
	imported.Weak = r.policy.Assess(text)
	imported.Refused, _ = errors.AsType[*keys.RefusedError](r.requirements.Check(keyring, now))
	if len(imported.Weak) > 0 && r.Config.Production {
		if imported.Refused == nil {
			imported.Refused = &keys.RefusedError{}
		}
		imported.Refused.Weak = []keys.WeakKey{{ID: id, Weaknesses: imported.Weak}}
	}
	return imported, nil
}

// SecretFileError reports a file without a secret that can be imported. It does not contain the
// name of the file, which may be the secret itself.
type SecretFileError struct{ Problem string }

// Error returns the problem.
func (e *SecretFileError) Error() string { return "the file of --secret-file " + e.Problem }
