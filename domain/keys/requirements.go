package keys

import (
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/secret"
)

// WeakKey is a key with weaknesses.
type WeakKey struct {
	// Place names the key and, in a set, its position and the member with the material. It ends
	// with a space, so that Place and the text of a weakness are a message.
	Place string
	// Weaknesses has at least one element.
	Weaknesses []secret.Finding
}

// WeakKeys returns the weak keys among those that may sign or verify, at now or later.
func WeakKeys(all []Placed, policy secret.Policy, now time.Time) []WeakKey {
	var weak []WeakKey
	for _, key := range all {
		if !key.plan.mayVerify(now) {
			continue
		}
		if found := weaknesses(key.Key, policy); len(found) > 0 {
			weak = append(weak, WeakKey{Place: key.Place(), Weaknesses: found})
		}
	}
	return weak
}

// Place returns the name of the key in the form of WeakKey.Place.
func (k Placed) Place() string {
	if k.Index < 0 {
		return "key " + string(k.id) + " "
	}
	return SetFault{Index: k.Index, ID: k.id, Member: k.algorithm.privateMember().name}.place() + " "
}

// weaknesses assesses the material of a key.
func weaknesses(key Key, policy secret.Policy) []secret.Finding {
	if key.SecretChosen() {
		return policy.AssessBytes(key.Secret())
	}
	return policy.AssessSeed(key.Secret())
}

// Requirements is what keys must satisfy, beyond the form of their set, before they are put in
// force. The zero value accepts all keys.
type Requirements struct {
	policy     secret.Policy
	refuseWeak bool
	// digestKey is a pointer so that no format verb shows it, as in Key; nil if there is none.
	digestKey *material
	// digestKeyName is the name of the digest key in messages.
	digestKeyName string
}

// NewRequirements returns the requirements of an environment. Keys that are weak by policy are
// refused only if production is true. No key may be the digest key of the limiter, because clients
// choose text that is digested with it. digestKeyName is the name of the digest key in messages.
func NewRequirements(policy secret.Policy, production bool, digestKey []byte,
	digestKeyName string) Requirements {
	r := Requirements{policy: policy, refuseWeak: production, digestKeyName: digestKeyName}
	if len(digestKey) > 0 {
		held := material(digestKey).unpadded()
		r.digestKey = &held
	}
	return r
}

// WithPolicy returns the requirements with another policy.
func (r Requirements) WithPolicy(policy secret.Policy) Requirements {
	r.policy = policy
	return r
}

// RefusedError reports the keys that do not satisfy the requirements. It contains ids and rules,
// never material.
type RefusedError struct {
	// DigestKeys are the places of the keys that are the digest key of the limiter, as in WeakKey.
	DigestKeys []string
	// Weak are the weak keys, if they are refused.
	Weak []WeakKey

	digestKeyName string
}

// Error implements error. It lists every reason.
func (e *RefusedError) Error() string {
	var reasons []string
	for _, place := range e.DigestKeys {
		reasons = append(reasons, place+"is the same as "+e.digestKeyName)
	}
	for _, weak := range e.Weak {
		for _, weakness := range weak.Weaknesses {
			reasons = append(reasons, weak.Place+weakness.String())
		}
	}
	return strings.Join(reasons, "; ")
}

// Check returns a *RefusedError if a key does not satisfy the requirements at now. Expired and
// revoked keys may be weak.
func (r Requirements) Check(all []Placed, now time.Time) error {
	refused := &RefusedError{digestKeyName: r.digestKeyName}
	for _, key := range all {
		if r.IsDigestKey(key.Secret()) {
			refused.DigestKeys = append(refused.DigestKeys, key.Place())
		}
	}
	if r.refuseWeak {
		refused.Weak = WeakKeys(all, r.policy, now)
	}
	if refused.DigestKeys == nil && refused.Weak == nil {
		return nil
	}
	return refused
}

// IsDigestKey reports whether any of the secrets is the digest key of the limiter.
func (r Requirements) IsDigestKey(secrets ...[]byte) bool {
	return r.digestKey != nil && slices.ContainsFunc(secrets, func(secret []byte) bool {
		return material(secret).unpadded() == *r.digestKey
	})
}
