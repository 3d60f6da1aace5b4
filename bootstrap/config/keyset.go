package config

import (
	"bytes"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

// What is said of keysets, over and over.
const (
	remedyKey    = "make a good one: sessiond keys create; then take this one out"
	remedyMember = "mend the file; sessiond keys list reads it in the same way"
	remedySigner = "add a key: sessiond keys create"
)

// ringOfFile is the ring of the keyset file.
func (r *reading) ringOfFile(policy secret.Policy) *keys.Keyring {
	if r.given[varSigningKeys] {
		r.faultOf(varSigningKeys, "is set beside "+varKeysetFile, "give one of the two")
	}
	if r.given[varSecret] {
		r.warnOf(varSecret, "is set but not used, for "+varKeysetFile+" counts", "remove it")
	}
	if r.broken[varKeysetFile] {
		return nil
	}
	name := string(r.fields.KeysetFile)
	// The keys are judged here, finding by finding, whatever else is wrong with the file.
	var read *keys.Keyring
	take := func(ring *keys.Keyring) error {
		read = ring
		return nil
	}
	ring, err := keyset.Read(name, keyset.Rules{Production: r.production, Accept: take},
		r.gathering.Now)
	faults, _ := errors.AsType[keyset.Faults](err)
	for _, fault := range faults {
		r.keysetFault("names the file "+shown(name)+", which ", fault)
	}
	if read == nil {
		return nil
	}
	for _, weak := range weakKeys(read, policy, r.gathering.Now) {
		r.strength(varKeysetFile, "key "+string(weak.id)+" ", weak.findings, remedyKey)
	}
	for _, key := range read.Keys() {
		r.signing = append(r.signing, string(key.Secret()))
	}
	return ring
}

// keysetFault tells one fault of the file; what is wrong with its keys is told one by one.
func (r *reading) keysetFault(which string, fault keyset.Fault) {
	if set, malformed := errors.AsType[keys.SetFaults](fault.Cause); malformed {
		for _, line := range set.Lines() {
			r.faultOf(varKeysetFile, which+fault.Reason.String()+": "+line, remedyMember)
		}
		return
	}
	r.faultOf(varKeysetFile, which+fault.String(), keysetRemedy(fault.Reason))
}

// keysetRemedy is what would be right in place of a file that is no use.
func keysetRemedy(reason keyset.Reason) string {
	switch reason {
	case keyset.ReasonMissing:
		return "name a file that exists, or make it: sessiond keys create"
	case keyset.ReasonUnreadable:
		return "let the service's user read it"
	case keyset.ReasonNotRegular:
		return "name a regular file: no directory, pipe or device"
	case keyset.ReasonTooLarge:
		return "name a smaller file; sessiond keys prune takes out what is expired or revoked"
	case keyset.ReasonExposed:
		return remedyExposed
	case keyset.ReasonMalformed, keyset.ReasonRefused:
		return remedyMember
	case keyset.ReasonNoSigner:
		return remedySigner
	}
	return remedyMember
}

// weakKey is what is weak in one key.
type weakKey struct {
	id       keys.ID
	findings []secret.Finding
}

// weakKeys judges the keys that may sign or verify, now or later.
func weakKeys(ring *keys.Keyring, policy secret.Policy, now time.Time) []weakKey {
	var weak []weakKey
	for _, key := range ring.Keys() {
		if state := ring.StateAt(key, now); state == keys.Expired || state == keys.Revoked {
			continue
		}
		findings := policy.AssessBytes(key.Secret())
		if key.Algorithm() == keys.EdDSA {
			findings = policy.AssessSeed(key.Secret())
		}
		if len(findings) > 0 {
			weak = append(weak, weakKey{id: key.ID(), findings: findings})
		}
	}
	return weak
}

// acceptance is what a keyset must stand up to whenever it is read anew: the same as at the start.
type acceptance struct {
	policy     secret.Policy
	production bool
	digestKey  Secret
}

// RefusedKeysError is why the keys of a set are not accepted. It holds ids and rules, never material.
type RefusedKeysError struct{ reasons []string }

// Error tells every reason.
func (e *RefusedKeysError) Error() string { return strings.Join(e.reasons, "; ") }

// KeysetRules are the rules for the configured keyset, by that clock.
func (r *Review) KeysetRules(now func() time.Time) keyset.Rules {
	a := r.acceptance
	return keyset.Rules{Production: a.production, Accept: func(ring *keys.Keyring) error {
		return a.judge(ring, now())
	}}
}

func (a acceptance) judge(ring *keys.Keyring, now time.Time) error {
	var refused RefusedKeysError
	for _, key := range ring.Keys() {
		if bytes.Equal(key.Secret(), a.digestKey.Bytes()) {
			refused.reasons = append(refused.reasons,
				"key "+string(key.ID())+" is the same as "+varDigestKey)
		}
	}
	if a.production {
		for _, weak := range weakKeys(ring, a.policy, now) {
			for _, finding := range weak.findings {
				refused.reasons = append(refused.reasons,
					"key "+string(weak.id)+" "+finding.String())
			}
		}
	}
	if refused.reasons == nil {
		return nil
	}
	return &refused
}

// Import is a secret that is to be a key.
type Import struct {
	Secret Secret
	// Weak is what is weak in it.
	Weak []secret.Finding
	// Refused is why a service of this configuration would take no keyset with that key in it; nil: it would.
	Refused *RefusedKeysError
}

// ReadImport reads a secret from a file as OFFLOAD_SESSION_SECRET is read, white space at both ends being no part of it, and judges it as
// the key that it is to be. It fails with a *SecretFileError.
func (r *Review) ReadImport(name string, id keys.ID, now time.Time) (Import, error) {
	read, err := readFile(name, maxFile)
	if err != nil {
		problem, _ := fileProblem(err, maxFile)
		return Import{}, &SecretFileError{Problem: problem}
	}
	text := secret.Trim(read.content)
	if text == "" || !utf8.ValidString(text) {
		return Import{}, &SecretFileError{Problem: "holds no text"}
	}
	imported := Import{Secret: NewSecret(text)}
	ring, err := keys.NewKeyring(keys.NewHS256(id, imported.Secret.Bytes(),
		keys.Plan{SignFrom: now}))
	if err != nil {
		return Import{}, err // of a single key, there is nothing that could be wrong
	}
	for _, weak := range weakKeys(ring, r.acceptance.policy, now) {
		imported.Weak = weak.findings
	}
	imported.Refused, _ = errors.AsType[*RefusedKeysError](r.acceptance.judge(ring, now))
	return imported, nil
}

// SecretFileError is a file that holds no secret which could be imported. It does not tell the file's name, which may be the secret itself.
type SecretFileError struct{ Problem string }

// Error tells the problem.
func (e *SecretFileError) Error() string { return "the file of --secret-file " + e.Problem }
