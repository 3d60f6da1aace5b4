package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

// randomBytes is the length in bytes of the random key that is generated if no secret is set.
const randomBytes = 32

// The remedies for secrets.
const (
	remedySecret = "generate one: openssl rand -base64 32"
	remedyJSON   = `use a JSON object from key ids to secrets, such as {"2026-a":"…","2026-b":"…"}`
	remedyKid    = "use 1 to 64 characters from A-Z a-z 0-9 . _ -"
	// remedyUnwrap begins the remedy for a secret that is probably strong once the text around it
	// is removed.
	remedyUnwrap = "remove what is not part of the secret: quotes that docker --env-file keeps, " +
		"NAME=, a comment or a mark around it, a byte order mark or a zero-width character; write the " +
		"secret itself in place of a command or a variable; or "
)

// remedyEntry returns the remedy for a fault of the signing keys.
func remedyEntry(reason environment.Reason) string {
	switch reason {
	case environment.ReasonID:
		return remedyKid
	case environment.ReasonSameID:
		return "give each key an id of its own"
	case environment.ReasonSameMaterial:
		return "remove one of the two, or give it a secret of its own: openssl rand -base64 32"
	case environment.ReasonEmpty:
		return "remove the entry, or give it a secret: openssl rand -base64 32"
	case environment.ReasonNotString:
		return remedyJSON + "; a JWK Set belongs in the file of " + VarKeysetFile
	case environment.ReasonNone, environment.ReasonNotJSON, environment.ReasonNotObject,
		environment.ReasonNoKeys, environment.ReasonUTF8, environment.ReasonActive:
	}
	return remedyJSON
}

// keyring returns the keyring in force, or nil if a fault prevents it. The first source that is set
// wins: a keyset file, signing keys, a secret, and in development a random key.
func (r *reviewer) keyring(policy secret.Policy) *keys.Keyring {
	active, ok := keys.ParseID(r.fields.ActiveKid)
	if !ok && !r.broken[varActiveKid] {
		r.faultOf(varActiveKid, "is not a valid key id"+quotedUnlessSecret(r.fields.ActiveKid),
			remedyKid)
	}
	switch {
	case r.given[VarKeysetFile]:
		return r.keyringOfFile(policy)
	case r.given[VarSigningKeys]:
		r.noteUnusedSecret(VarSigningKeys)
		return r.keyringOfSigningKeys(policy, active)
	case r.given[VarSecret]:
		return r.keyringOfSecret(policy, active)
	case r.production:
		r.faultOf(VarSecret, "is not set, and neither is "+VarSigningKeys+" or "+VarKeysetFile+
			": a production-like environment needs one of them",
			remedySecret+", or create a keyset: sessiond keys create")
		return nil
	}
	r.warnOf(VarSecret,
		"is not set: sessions are signed with a random key and are lost when this process ends",
		remedySecret)
	if !ok {
		return nil
	}
	return environment.KeyringOfMaterial(r.loader.Random(randomBytes), active)
}

// noteUnusedSecret notes a secret that other keys take precedence over. It is no warning, because
// the Python backend, which may share the environment, requires the secret there.
func (r *reviewer) noteUnusedSecret(used string) {
	if r.given[VarSecret] {
		r.note(VarSecret, r.origin(VarSecret), "is set but not used: "+used+" takes precedence",
			"remove it, unless another service needs it")
	}
}

// keyringOfSigningKeys returns the keyring of the signing keys.
func (r *reviewer) keyringOfSigningKeys(policy secret.Policy, active keys.ID) *keys.Keyring {
	if r.broken[VarSigningKeys] {
		return nil
	}
	entries, err := environment.ParseEntries(r.texts[VarSigningKeys])
	if err != nil {
		r.keyFaults(VarSigningKeys, err)
		return nil
	}
	keyring, err := environment.Keyring(entries, active)
	r.keyFaults(VarSigningKeys, err, idsOf(entries)...)
	for i, entry := range entries {
		r.signing = append(r.signing, []byte(entry.Secret()))
		if entry.Secret() != "" {
			which := fmt.Sprintf("entry %d ", i+1)
			if entry.IsFor(active) {
				which += "(the active key) "
			}
			r.weaknesses(VarSigningKeys, which, policy.Assess(entry.Secret()), remedySecret)
		}
	}
	return keyring
}

// keyringOfSecret returns the keyring with the secret as its only key.
func (r *reviewer) keyringOfSecret(policy secret.Policy, active keys.ID) *keys.Keyring {
	text, ok := r.secretText(VarSecret)
	if !ok {
		return nil
	}
	r.signing = [][]byte{[]byte(text)}
	r.weaknesses(VarSecret, "", policy.Assess(text), remedySecret)
	if active == "" {
		return nil
	}
	keyring, err := environment.Keyring([]environment.Entry{environment.NewEntry(string(active),
		text)}, active)
	r.keyFaults(VarSecret, err)
	return keyring
}

// digestKey returns the key of the limiter's digests.
func (r *reviewer) digestKey(policy secret.Policy) Secret {
	if !r.given[varDigestKey] {
		r.checkDigestKeyIsSet()
		return NewSecret(string(r.loader.Random(randomBytes)))
	}
	text, ok := r.secretText(varDigestKey)
	if !ok {
		return Secret{}
	}
	r.weaknesses(varDigestKey, "", policy.Assess(text), remedySecret)
	return NewSecret(text)
}

// requirements returns what keys must satisfy, now and at each reload. It reports a digest key that
// is one of the present keys.
func (r *reviewer) requirements(policy secret.Policy, digestKey Secret) keys.Requirements {
	requirements := keys.NewRequirements(policy, r.production, digestKey.Bytes(), varDigestKey)
	if r.given[varDigestKey] && requirements.IsDigestKey(r.signing...) {
		r.faultOf(varDigestKey, "is the same as a signing key",
			"use a separate secret; "+remedySecret)
	}
	return requirements
}

// rejectLeaks reports values that contain a key although they are shown to others, in tokens,
// responses and logs. Texts that are too short to be accepted as keys are not searched for.
func (r *reviewer) rejectLeaks() {
	held := slices.Clone(r.signing)
	for _, name := range []string{VarSecret, varDigestKey} {
		held = append(held, []byte(secret.Trim(r.texts[name])))
	}
	for _, v := range table {
		text := []byte(r.texts[v.name])
		if !v.isText() && !v.list() ||
			!slices.ContainsFunc(held, func(key []byte) bool {
				return len(key) >= shortestKey && bytes.Contains(text, key)
			}) {
			continue
		}
		r.leaking[v.name] = true
		r.faultOf(v.name, "contains a secret of this configuration, but is itself shown to others, "+
			"in tokens, responses or logs", "write the value that is meant; if the service has run "+
			"with this one, replace the secret: openssl rand -base64 32")
	}
}

// secretText returns the value of a secret without surrounding white space. It returns false if the
// variable has a fault.
func (r *reviewer) secretText(name string) (text string, ok bool) {
	if r.broken[name] {
		return "", false
	}
	text = secret.Trim(r.texts[name])
	if !utf8.ValidString(text) {
		r.faultOf(name, "is not valid UTF-8", "use text; "+remedySecret)
	}
	return text, !r.broken[name]
}

// idsOf returns the valid ids of the entries, except what may be a secret in the wrong place.
func idsOf(entries []environment.Entry) []string {
	var ids []string
	for _, entry := range entries {
		if id, ok := entry.ID(); ok && !mayBeSecret(string(id)) {
			ids = append(ids, string(id))
		}
	}
	return ids
}

// keyFaults reports the faults in err. A missing active key is a fault of the variable with the
// active id; candidates are the ids that it could have.
func (r *reviewer) keyFaults(name string, err error, candidates ...string) {
	var faults environment.Faults
	if !errors.As(err, &faults) {
		return
	}
	for _, fault := range faults {
		if fault.Reason != environment.ReasonActive {
			r.faultOf(name, fault.String(), remedyEntry(fault.Reason))
		} else if !r.broken[varActiveKid] {
			remedy := "use the id of the key that should sign"
			if len(candidates) > 0 {
				remedy += ": " + strings.Join(candidates, " or ")
			}
			r.faultOf(varActiveKid, "names none of the signing keys"+
				quotedUnlessSecret(r.texts[varActiveKid]), remedy)
		}
	}
}

// weaknesses reports each weakness of a secret, as a fault in a production-like environment and as
// a warning otherwise.
func (r *reviewer) weaknesses(name, which string, weak []secret.Finding, remedy string) {
	for _, finding := range weak {
		remedy := remedy
		if finding.Rule == secret.RuleWrapped && !finding.Decoded {
			remedy = remedyUnwrap + remedy
		}
		problem := fmt.Sprintf("%s%s (rule: %s)", which, finding, finding.Words())
		if r.production {
			r.faultOf(name, problem, remedy)
		} else {
			r.warnOf(name, problem, "weak secrets are accepted only in development; "+remedy)
		}
	}
}
