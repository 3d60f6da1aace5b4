package keys

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/strict"
)

// FormatSet returns every key of the keyring as a JWK Set with private parts, one key a line, as
// ParseSet reads it.
func FormatSet(keyring *Keyring) string {
	return formatSet(keyring.keys, func(key Key) []jwkMember {
		members := append(publishedMembers(key),
			textMember(key.algorithm.privateMember().name, strict.EncodeBase64(key.Secret())),
			textMember(memberSignFrom, instantText(key.plan.SignFrom)))
		if !key.plan.VerifyUntil.IsZero() {
			members = append(members, textMember(memberVerifyUntil, instantText(key.plan.VerifyUntil)))
		}
		if key.plan.Revoked {
			members = append(members, jwkMember{name: memberRevoked, value: "true", literal: true})
		}
		return members
	}, "\n")
}

// FormatPublic returns the public part of the keys that are pending, signing or verifying at now,
// as a JWK Set for external verifiers (RFC 7517 §5). Symmetric keys have no public part and are
// never included.
func FormatPublic(keyring *Keyring, now time.Time) string {
	var shown []Key
	for _, key := range keyring.keys {
		if key.public() != "" && key.plan.mayVerify(now) {
			shown = append(shown, key)
		}
	}
	return formatSet(shown, publishedMembers, "")
}

// UnexportableError reports that a variable cannot hold the keys of FormatSigningKeys.
type UnexportableError struct {
	// ID is the key that cannot be exported; empty if there is no key at all.
	ID ID
}

// Error implements error.
func (e *UnexportableError) Error() string {
	if e.ID == "" {
		return "there is no " + string(HS256) + " key that may verify, now or later"
	}
	return string(e.ID) + " is not UTF-8 text, or has white space at an end, so no variable can hold it"
}

// FormatSigningKeys returns the HS256 keys that are pending, signing or verifying at now as a JSON
// object from ids to secrets, for backends that verify with the same keys. It fails with an
// *UnexportableError for a key that is not UTF-8 text, or that trimming would change, because the
// backend would read another one; and if there is no such key.
func FormatSigningKeys(keyring *Keyring, now time.Time) (string, error) {
	var members []string
	for _, key := range keyring.keys {
		if key.Algorithm() != HS256 || !key.plan.mayVerify(now) {
			continue
		}
		text := string(key.Secret())
		if !utf8.ValidString(text) || secret.Trim(text) != text {
			return "", &UnexportableError{ID: key.id}
		}
		member := append(strict.AppendString(nil, string(key.id)), ':')
		members = append(members, string(strict.AppendString(member, text)))
	}
	if members == nil {
		return "", &UnexportableError{}
	}
	return "{" + strings.Join(members, ",") + "}", nil
}

// publishedMembers returns the members of a key in a published set, with which the key's line in a
// keyset begins. They hold no private part.
func publishedMembers(key Key) []jwkMember {
	row := key.algorithm
	members := appendType(nil, row)
	members = append(members, textMember(memberAlgorithm, string(row.name())),
		textMember(memberUse, useSignature), textMember(memberID, string(key.id)))
	return appendPublic(members, row, key.public())
}

// formatSet returns the set of keys with the given members. lineBreak precedes each key.
func formatSet(keys []Key, members func(Key) []jwkMember, lineBreak string) string {
	set := []byte(`{"` + memberKeys + `":[`)
	for i, key := range keys {
		if i > 0 {
			set = append(set, ',')
		}
		set = appendObject(append(set, lineBreak...), members(key))
	}
	return string(set) + lineBreak + "]}" + lineBreak
}

func instantText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
