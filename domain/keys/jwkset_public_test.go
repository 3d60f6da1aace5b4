package keys_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// published returns a key as an issuer publishes it.
func published(id string) jwk { return okp(id).without("d").without("sign_from") }

func TestParsePublicReadsPublishedSet(t *testing.T) {
	ended := keys.Plan{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}
	private := newKeyring(t,
		keys.NewHS256("secret", secretOf("secret"), keys.Plan{SignFrom: noon}),
		keys.NewEdDSA("early", seedOf("early"), keys.Plan{SignFrom: noon}),
		keys.NewEdDSA("later", seedOf("later"), keys.Plan{SignFrom: noon.Add(time.Hour)}),
		keys.NewEdDSA("ended", seedOf("ended"), ended))
	text := keys.FormatPublic(private, noon)
	public, err := keys.ParsePublic(text)
	require.NoError(t, err)
	assert.Len(t, public.Keys(), 2)
	for _, id := range []keys.ID{"early", "later"} {
		signer, _ := private.VerifierAt(id, noon)
		verifier, ok := public.VerifierAt(id, noon)
		require.True(t, ok)
		assert.Equal(t, keys.EdDSA, verifier.Algorithm())
		assert.Equal(t, signer.Public(), verifier.Public())
		assert.True(t, verifier.Verify([]byte("message"), signer.Sign([]byte("message"))))
		assert.False(t, verifier.Verify([]byte("other"), signer.Sign([]byte("message"))))
		assert.Nil(t, verifier.Secret())
		assert.Panics(t, func() { verifier.Sign([]byte("message")) })
		assert.Equal(t, keys.Verifying, public.StateAt(verifier, noon))
	}
	_, signs := public.SignerAt(noon)
	assert.False(t, signs, "a key without a private part does not sign")
	assert.False(t, public.CanSign(noon))
	assert.Equal(t, text, keys.FormatPublic(newKeyring(t, private.Keys()[0], public.Keys()[0],
		public.Keys()[1]), noon), "the set can be published again")
}

func TestParsePublicIgnoresOtherKeys(t *testing.T) {
	const odd = "odd"
	for name, c := range map[string]struct {
		key  jwk
		read bool
	}{
		"as published":         {published(odd), true},
		"alg by RFC 9864 name": {published(odd).with("alg", `"Ed25519"`), true},
		"key_ops verify": {published(odd).with("key_ops", `["verify"]`),
			true},
		"unknown members": {published(odd).with("x5t",
			`"x"`).with("revokd", "3"), true},
		"a symmetric key":                 {oct(odd), false},
		"a symmetric key without a plan":  {oct(odd).without("sign_from"), false},
		"a symmetric key that says EdDSA": {oct(odd).with("alg", `"EdDSA"`), false},
		"a symmetric key with x": {oct(odd).with("x",
			quoted(encoded(seedOf(odd)))).with("crv", `"Ed25519"`).with("alg", `"EdDSA"`), false},
		"a pair that says HS256": {published(odd).with("alg", `"HS256"`), false},
		"a pair that says HS256, with k": {published(odd).with("alg", `"HS256"`).with("k",
			quoted(encoded(secretOf(odd)))), false},
		"a pair without alg": {published(odd).without("alg"), false},
		"alg none":           {published(odd).with("alg", `"none"`), false},
		"another curve":      {published(odd).with("crv", `"X25519"`), false},
		"an RSA key": {jwk{{"kty", `"RSA"`}, {"kid", `"odd"`},
			{"n", `"AQAB"`}, {"e", `"AQAB"`}}, false},
		"a private part":              {okp(odd), false},
		"a private part that is null": {published(odd).with("d", "null"), false},
		"no id":                       {published(odd).without("kid"), false},
		"an invalid id":               {published(odd).with("kid", `"a b"`), false},
		"a name twice":                {published(odd).also("kid", `"odd"`), false},
		"an unknown name twice": {published(odd).also("z", "1").also("z", "1"),
			false},
		"x too short": {published(odd).with("x", `"AAAA"`), false},
		"x with padding": {published(odd).with("x",
			quoted(encoded(seedOf(odd))+"=")), false},
		"for encryption": {published(odd).with("use", `"enc"`), false},
		"for another operation": {published(odd).with("key_ops",
			`["deriveKey"]`), false},
		"revoked":     {published(odd).with("revoked", "true"), false},
		"not revoked": {published(odd).with("revoked", "false"), true},
		"revoked as text": {published(odd).with("revoked", `"false"`),
			false},
		"expired": {published(odd).with("verify_until",
			`"2026-02-16T12:00:00Z"`), false},
		"expires later": {published(odd).with("verify_until",
			`"2026-02-16T12:00:01Z"`), true},
		"malformed end": {published(odd).with("verify_until", `"soon"`),
			false},
		"expires before it signs": {published(odd).with("sign_from",
			`"2026-02-16T14:00:00Z"`).with("verify_until", `"2026-02-16T13:00:00Z"`), false},
		"signs later, and is published until then": {published(odd).with("sign_from",
			`"2026-02-16T14:00:00Z"`), true},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := keys.ParsePublic(setOf(published("valid"), c.key))
			require.NoError(t, err)
			_, known := read.VerifierAt(odd, noon)
			assert.Equal(t, c.read, known)
			_, known = read.VerifierAt("valid", noon)
			assert.True(t, known, "the other keys are read")
			for _, key := range read.Keys() {
				assert.Equal(t, keys.EdDSA, key.Algorithm())
				assert.Nil(t, key.Secret())
			}
		})
	}
}

func TestParsePublicRefusesInvalidSets(t *testing.T) {
	many := make([]jwk, keys.MaxKeys+1)
	for i := range many {
		many[i] = published(fmt.Sprintf("a%d", i))
	}
	for name, text := range map[string]string{
		"nothing": "", "a page": "<!doctype html><title>Sign in</title>", "a number": "1",
		"no keys": "{}", "null": `{"keys":null}`,
		"keys not a list":             `{"keys":{}}`,
		"keys twice":                  `{"keys":[` + published("a").json() + `],"keys":[]}`,
		"an empty set":                `{"keys":[]}`,
		"nothing but a symmetric key": setOf(oct("a")),
		"items that are not keys":     `{"keys":[1,[],null,"a"]}`,
		"an id twice":                 setOf(published("a"), published("b").with("kid", `"a"`)),
		"the same key under two ids":  setOf(published("a"), published("a").with("kid", `"b"`)),
		"truncated":                   setOf(published("a"))[:40],
		"trailing data":               setOf(published("a")) + "x",
		"too many keys":               setOf(many...),
		"too large": setOf(published("a")) +
			strings.Repeat(" ", keys.MaxSetBytes),
	} {
		t.Run(name, func(t *testing.T) {
			read, err := keys.ParsePublic(text)
			require.Error(t, err)
			assert.Nil(t, read)
		})
	}
	_, err := keys.ParsePublic(setOf(many[1:]...))
	assert.NoError(t, err)
	_, err = keys.ParsePublic(`{"keys":[],"more":1}`)
	assert.Equal(t, keys.Faults{{Reason: keys.FaultNoKeys}}, err)
}

// TestRefusesPublicKeyAsSecret checks that no symmetric key is made of the bytes of a published
// key: everyone would know that secret.
func TestRefusesPublicKeyAsSecret(t *testing.T) {
	public := keys.NewVerifier(keys.EdDSA, "pair", keys.NewEdDSA("pair", seedOf("a"), keys.Plan{}).Public(),
		keys.Plan{})
	_, err := keys.NewKeyring(public, keys.NewHS256("secret", public.Public(), keys.Plan{}))
	assert.ErrorAs(t, err, new(keys.Faults))
	_, err = keys.NewKeyring(public, keys.NewEdDSA("other", seedOf("a"), keys.Plan{}))
	assert.ErrorAs(t, err, new(keys.Faults))
	for _, size := range []int{0, 31, 33, 64} {
		assert.Panics(t, func() { keys.NewVerifier(keys.EdDSA, "kid", make([]byte, size), keys.Plan{}) },
			"%d bytes", size)
	}
}

// FuzzParsePublic parses arbitrary text. The keys that it returns have no private part and sign
// nothing, and are read again when they are published.
func FuzzParsePublic(f *testing.F) {
	for _, text := range []string{
		"", `{"keys":[]}`, `{"keys":[{}]}`, setOf(published("a")), setOf(published("a"), oct("b")),
		setOf(okp("a")), setOf(published("a"), published("a")),
		setOf(published("a").with("alg", `"HS256"`).with("k", `"AAAA"`)),
		setOf(published("a").with("verify_until", `"2027-02-16T12:00:00Z"`)),
		setOf(published("a").with("revoked", "true"), published("b")), "<html>",
		setOf(published("a").with("key_ops", `["verify"]`)), setOf(ec("a")),
		setOf(ec("a").without("d"), published("b")), setOf(ec("a").without("d").without("y")),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := keys.ParsePublic(text)
		if err != nil {
			assert.Nil(t, read)
			return
		}
		require.NotEmpty(t, read.Keys())
		assert.False(t, read.CanSign(noon))
		for _, key := range read.Keys() {
			assert.True(t, key.Algorithm().Published())
			assert.Nil(t, key.Secret())
			_, ok := keys.ParseID(string(key.ID()))
			assert.True(t, ok)
		}
		shown := keys.FormatPublic(read, noon)
		again, err := keys.ParsePublic(shown)
		if err == nil {
			for _, key := range again.Keys() {
				same, ok := read.VerifierAt(key.ID(), noon)
				assert.True(t, ok)
				assert.Equal(t, same.Public(), key.Public())
			}
			assert.Len(t, again.Keys(), strings.Count(shown, `"kid":`))
		} else {
			assert.Equal(t, `{"keys":[]}`, shown, "no key verifies at noon")
		}
	})
}
