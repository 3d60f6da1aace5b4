package keys_test

import (
	"encoding/base64"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// jwk is a key as it is written: names, each with its value as JSON.
type jwk [][2]string

// with returns the key with one member changed or added.
func (k jwk) with(name, value string) jwk {
	changed, found := append(jwk{}, k...), false
	for i := range changed {
		if changed[i][0] == name {
			changed[i][1], found = value, true
		}
	}
	if !found {
		changed = append(changed, [2]string{name, value})
	}
	return changed
}

// also adds a member even if there already is one with that name.
func (k jwk) also(name, value string) jwk {
	return append(append(jwk{}, k...), [2]string{name, value})
}

func (k jwk) without(name string) jwk {
	var rest jwk
	for _, member := range k {
		if member[0] != name {
			rest = append(rest, member)
		}
	}
	return rest
}

func (k jwk) json() string {
	var written []string
	for _, member := range k {
		written = append(written, `"`+member[0]+`":`+member[1])
	}
	return "{" + strings.Join(written, ",") + "}"
}

func setOf(all ...jwk) string {
	var written []string
	for _, key := range all {
		written = append(written, key.json())
	}
	return `{"keys":[` + strings.Join(written, ",") + `]}`
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
func quoted(text string) string  { return `"` + text + `"` }

// secretOf returns a secret of 32 bytes that depends on the beginning of name.
func secretOf(name string) []byte { return []byte((name + " is a secret of 32 bytes; truly.")[:32]) }

// seedOf is like secretOf. The bytes are a scalar of P-256, too.
func seedOf(name string) []byte { return []byte((name + " is a seed that has 32 bytes; ok.")[:32]) }

// oct, ec and okp return a valid key of a keyset, with material that depends on its id.
func oct(id string) jwk {
	return jwk{{"kty", `"oct"`}, {"alg", `"HS256"`}, {"kid", quoted(id)},
		{"k", quoted(encoded(secretOf(id)))}, {"sign_from", `"2026-02-16T12:00:00Z"`}}
}

func ec(id string) jwk {
	key := keys.NewES256("x", seedOf(id), keys.Plan{})
	return jwk{
		{"kty", `"EC"`}, {"crv", `"P-256"`}, {"alg", `"ES256"`}, {"kid", quoted(id)},
		{"x", quoted(encoded(key.Public()[:32]))}, {"y", quoted(encoded(key.Public()[32:]))},
		{"d", quoted(encoded(key.Secret()))}, {"sign_from", `"2026-02-16T12:00:00Z"`},
	}
}

func okp(id string) jwk {
	key := keys.NewEdDSA("x", seedOf(id), keys.Plan{})
	return jwk{
		{"kty", `"OKP"`}, {"crv", `"Ed25519"`}, {"alg", `"EdDSA"`}, {"kid", quoted(id)},
		{"x", quoted(encoded(key.Public()))},
		{"d", quoted(encoded(key.Secret()))}, {"sign_from", `"2026-02-16T12:00:00Z"`},
	}
}
