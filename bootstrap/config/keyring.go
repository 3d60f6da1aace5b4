package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

// randomBytes is the length of what is made up in place of a secret.
const randomBytes = 32

// What is said of secrets, over and over.
const (
	remedySecret = "make a good one: openssl rand -base64 32"
	remedyJSON   = `give a JSON object from key ids to secrets, such as {"2026-a":"…","2026-b":"…"}`
)

// keyring is the ring in force; nil where a fault keeps it from being. Where keys come from, the first that is set counts: a keyset file, signing
// keys, a secret, and in development random material.
func (r *reading) keyring(policy secret.Policy) *keys.Keyring {
	active, ok := keys.ParseID(r.fields.ActiveKid)
	if !ok && !r.broken[varActiveKid] {
		r.faultOf(varActiveKid, "is no key id", "give 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	switch {
	case r.given[varKeysetFile]:
		return r.ringOfFile(policy)
	case r.given[varSigningKeys]:
		if r.given[varSecret] {
			r.warnOf(varSecret, "is set but not used, for "+varSigningKeys+" counts", "remove it")
		}
		return r.ringOf(policy, active)
	case r.given[varSecret]:
		return r.ringOfSecret(policy, active)
	case r.production:
		r.faultOf(varSecret, "is not set, and neither is "+varSigningKeys+" or "+varKeysetFile+
			": a production-like environment needs one of them",
			remedySecret+", or sessiond keys create")
		return nil
	}
	r.warnOf(varSecret,
		"is not set: sessions are signed with a random key and end with this process", remedySecret)
	if !ok {
		return nil
	}
	return environment.KeyringOfMaterial(r.gathering.Random(randomBytes), active)
}

// ringOf is the ring of the signing keys.
func (r *reading) ringOf(policy secret.Policy, active keys.ID) *keys.Keyring {
	if r.broken[varSigningKeys] {
		return nil
	}
	entries, err := environment.ParseEntries(r.texts[varSigningKeys])
	if err != nil {
		r.structure(varSigningKeys, err, remedyJSON)
		return nil
	}
	ring, err := environment.Keyring(entries, active)
	r.structure(varSigningKeys, err, remedyJSON)
	for i, entry := range entries {
		r.signing = append(r.signing, entry.Secret())
		if entry.Secret() != "" {
			which := fmt.Sprintf("entry %d ", i+1)
			if entry.IsFor(active) {
				which += "(the active key) "
			}
			r.strength(varSigningKeys, which, policy.Assess(entry.Secret()), remedySecret)
		}
	}
	return ring
}

// ringOfSecret is the ring of the one key that the secret makes.
func (r *reading) ringOfSecret(policy secret.Policy, active keys.ID) *keys.Keyring {
	text, ok := r.text(varSecret)
	if !ok {
		return nil
	}
	r.signing = []string{text}
	r.strength(varSecret, "", policy.Assess(text), remedySecret)
	if active == "" {
		return nil
	}
	ring, err := environment.Keyring([]environment.Entry{environment.NewEntry(string(active),
		text)}, active)
	r.structure(varSecret, err, remedySecret)
	return ring
}

// digestKey is the limiter's key. It computes over text that callers choose, so it must not be a key that signs.
func (r *reading) digestKey(policy secret.Policy) Secret {
	if !r.given[varDigestKey] {
		r.unsharedDigests()
		return NewSecret(string(r.gathering.Random(randomBytes)))
	}
	text, ok := r.text(varDigestKey)
	if !ok {
		return Secret{}
	}
	r.strength(varDigestKey, "", policy.Assess(text), remedySecret)
	if slices.Contains(r.signing, text) {
		r.faultOf(varDigestKey, "is the same as a signing key",
			"use a secret of its own; "+remedySecret)
	}
	return NewSecret(text)
}

// text is a secret that is one text, trimmed; ok is false where a fault has been told of it.
func (r *reading) text(name string) (text string, ok bool) {
	if r.broken[name] {
		return "", false
	}
	text = secret.Trim(r.texts[name])
	if !utf8.ValidString(text) {
		r.faultOf(name, "is not valid UTF-8", "give text; "+remedySecret)
	}
	return text, !r.broken[name]
}

// structure tells the faults of keys that do not stand together. The want of the active key is a fault of the active id.
func (r *reading) structure(name string, err error, remedy string) {
	var faults environment.Faults
	if !errors.As(err, &faults) {
		return
	}
	for _, fault := range faults {
		if fault.Reason != environment.ReasonActive {
			r.faultOf(name, fault.String(), remedy)
		} else if !r.broken[varActiveKid] {
			r.faultOf(varActiveKid, "names none of the signing keys",
				"give the id of the key that is to sign")
		}
	}
}

// strength tells what is weak in a secret: a fault each where the environment is production-like, a warning each elsewhere.
func (r *reading) strength(name, which string, weak []secret.Finding, remedy string) {
	for _, finding := range weak {
		problem := fmt.Sprintf("%s%s (rule: %s)", which, finding, finding.Rule)
		if r.production {
			r.faultOf(name, problem, remedy)
		} else {
			r.warnOf(name, problem, "weak secrets are let pass in development alone; "+remedy)
		}
	}
}

// policy is the secret policy with the operator's own list.
func (r *reading) policy() secret.Policy {
	name := string(r.fields.DenylistFile)
	if name == "" {
		return secret.Policy{}
	}
	read, err := readFile(name, maxDenylist)
	if err != nil {
		problem, remedy := fileProblem(err, maxDenylist)
		r.faultOf(varDenylist, "names the file "+shown(name)+", which "+problem, remedy)
		return secret.Policy{}
	}
	return secret.NewPolicy(strings.Split(read.content, "\n"))
}
