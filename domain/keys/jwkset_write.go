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
	return formatSet(keyring.keys, func(key Key) []pair {
		pairs := append(publicMembers(key), pair{key.algorithm.privateMember().name,
			strict.EncodeBase64(key.Secret())})
		pairs = append(pairs, pair{memberSignFrom, instantText(key.plan.SignFrom)})
		if !key.plan.VerifyUntil.IsZero() {
			pairs = append(pairs, pair{memberVerifyUntil, instantText(key.plan.VerifyUntil)})
		}
		if key.plan.Revoked {
			pairs = append(pairs, pair{memberRevoked, ""})
		}
		return pairs
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
	return formatSet(shown, publicMembers, "")
}

// UnexportableError reports that a key cannot be held by a variable: see FormatSigningKeys. The ID
// is empty if there is no key to hold.
type UnexportableError struct{ ID ID }

// Error says what is wrong with the key.
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

// pair is a member and its text; revoked has no text, because its value is always true.
type pair struct{ name, value string }

// publicMembers returns the members of a key that anyone may know.
func publicMembers(key Key) []pair {
	row := key.algorithm
	pairs := []pair{{memberType, row.keyType()}}
	if row.curve() != "" {
		pairs = append(pairs, pair{memberCurve, row.curve()})
	}
	pairs = append(pairs, pair{memberAlgorithm, string(row.name())}, pair{memberUse, useSignature},
		pair{memberID, string(key.id)})
	rest := key.Public()
	for _, member := range row.publicMembers() {
		pairs = append(pairs, pair{member.name, strict.EncodeBase64(rest[:member.size])})
		rest = rest[member.size:]
	}
	return pairs
}

// formatSet writes keys whose members need no escaping: ids, names and base64url need none.
func formatSet(keys []Key, members func(Key) []pair, lineBreak string) string {
	var b strings.Builder
	b.WriteString(`{"keys":[`)
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(lineBreak + "{")
		for j, member := range members(key) {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + member.name + `":`)
			if member.name == memberRevoked {
				b.WriteString("true")
				continue
			}
			b.WriteString(`"` + member.value + `"`)
		}
		b.WriteByte('}')
	}
	b.WriteString(lineBreak + "]}" + lineBreak)
	return b.String()
}

func instantText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
