package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/vectors"
)

// algorithmOf maps the types of device keys to their algorithms.
var algorithmOf = map[string]keys.Algorithm{"OKP": keys.EdDSA, "EC": keys.ES256}

// TestThumbprints compares thumbprints with those of the contract, with that of RFC 8037 (appendix
// A.3), and with the digest of the text of RFC 7638 for an algorithm with two public members.
func TestThumbprints(t *testing.T) {
	keys.UseThird(t)
	third := keys.Generate(keys.Third, "third", func(size int) []byte {
		return []byte(strings.Repeat("7", size))
	})
	compared := 0
	for name, want := range vectors.DPoP().Thumbprints {
		var jwk map[string]string
		require.NoError(t, json.Unmarshal(vectors.DPoP().Keys[name], &jwk))
		delete(jwk, "d")
		text, err := json.Marshal(jwk)
		require.NoError(t, err)
		read, err := keys.ReadPublic(algorithmOf[jwk["kty"]], string(text))
		require.NoError(t, err, name)
		assert.Equal(t, want, read.Thumbprint().Text(), name)
		compared++
	}
	assert.Equal(t, 4, compared)

	read, err := keys.ReadPublic(keys.EdDSA, `{"kty":"OKP","crv":"Ed25519",`+
		`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	require.NoError(t, err)
	assert.Equal(t, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", read.Thumbprint().Text())

	public := third.Public()
	read, ok := keys.NewPublic(keys.Third, public)
	require.True(t, ok)
	digest := sha256.Sum256([]byte(thirdCanonical(public)))
	assert.Equal(t, encoded(digest[:]), read.Thumbprint().Text())
}

// thirdCanonical returns the text of RFC 7638 for a key of Third.
func thirdCanonical(public []byte) string {
	var written struct{ Keys []map[string]string }
	keyring, err := keys.NewKeyring(keys.NewVerifier(keys.Third, "third", public, keys.Plan{}))
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal([]byte(keys.FormatPublic(keyring, noon)), &written); err != nil {
		panic(err)
	}
	members := written.Keys[0]
	for _, name := range []string{"alg", "kid", "use", "key_ops", "sign_from", "verify_until"} {
		delete(members, name)
	}
	text, err := json.Marshal(members) // sorts
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestIsThumbprintAcceptsOneTextForBytes(t *testing.T) {
	const text = "CAqyL0n1jwoIMkB7hgrFhyFoK2W8LoZWvm1bhjn21uU"
	assert.True(t, keys.IsThumbprint(text))
	assert.True(t, keys.IsThumbprint(strings.Repeat("A", 43)))
	assert.Empty(t, keys.Thumbprint{}.Text())
	for _, wrong := range []string{"", text[:42], text + "A", text + "=", text[:42] + "V",
		text[:42] + "\n", " " + text[1:], strings.Replace(text, "y", "+", 1),
		strings.Replace(text, "y", "é", 1), strings.Repeat("A", 44)} {
		assert.False(t, keys.IsThumbprint(wrong), "%q", wrong)
	}
}

// TestReadPublicRefusesInvalidKeys changes a JWK of each algorithm.
func TestReadPublicRefusesInvalidKeys(t *testing.T) {
	for name, make := range map[keys.Algorithm]func(string) jwk{keys.EdDSA: okp, keys.ES256: ec} {
		t.Run(string(name), func(t *testing.T) {
			valid := make("a").without("d")
			for _, good := range []jwk{valid, valid.without("alg").without("kid"),
				valid.with("alg", "1").with("kid", "{}").with("key_ops", `"encrypt"`),
				valid.with("use", `"sig"`)} {
				_, err := keys.ReadPublic(name, good.json())
				assert.NoError(t, err, good.json())
			}
			for _, private := range []jwk{make("a"), valid.with("d", "null"), valid.with("k", "1"),
				{{"d", `""`}}, valid.with("kty", `"RSA"`).with("d", `""`), oct("a")} {
				_, err := keys.ReadPublic(name, private.json())
				assert.ErrorIs(t, err, keys.ErrPrivatePart, private.json())
			}
			for _, wrong := range []string{"", "{", "[]", `"x"`, "null", valid.json() + "x",
				valid.without("kty").json(), valid.without("crv").json(), valid.without("x").json(),
				valid.with("kty", `"EC2"`).json(), valid.with("crv", `"P-384"`).json(),
				valid.with("x", `"AA"`).json(), valid.with("x", `""`).json(),
				valid.with("x", `[]`).json(), valid.with("use", `"enc"`).json(),
				valid.with("use", `null`).json()} {
				_, err := keys.ReadPublic(name, wrong)
				assert.ErrorIs(t, err, keys.ErrNotPublic, wrong)
			}
			for other := range algorithmsBut(name) {
				_, err := keys.ReadPublic(other, valid.json())
				assert.ErrorIs(t, err, keys.ErrNotPublic, other)
			}
		})
	}
	for _, weak := range smallOrder() {
		_, err := keys.ReadPublic(keys.EdDSA,
			okp("a").without("d").with("x", quoted(encoded(weak))).json())
		assert.ErrorIs(t, err, keys.ErrNotPublic, "a point of small order")
	}
	_, ok := keys.NewPublic(keys.HS256, []byte("a symmetric key is never public."))
	assert.False(t, ok)
	assert.Panics(t, func() { keys.NewPublic("none", nil) })
	assert.Panics(t, func() { _, _ = keys.ReadPublic("none", "{}") })
}

func algorithmsBut(a keys.Algorithm) map[keys.Algorithm]bool {
	all := map[keys.Algorithm]bool{}
	for _, other := range keys.Algorithms() {
		all[other] = true
	}
	delete(all, a)
	return all
}

func TestParsePublicAlgorithmReadsNamesAndAliases(t *testing.T) {
	read := map[string]keys.Algorithm{}
	for _, text := range []string{"ES256", "EdDSA", "Ed25519", "HS256", "", "none", "es256", "RS256",
		"ES384", "Ed448"} {
		if a, ok := keys.ParsePublicAlgorithm(text); ok {
			read[text] = a
		}
	}
	assert.Equal(t, map[string]keys.Algorithm{"ES256": keys.ES256, "EdDSA": keys.EdDSA,
		"Ed25519": keys.EdDSA}, read)
}

// TestPublicAcceptsEitherS verifies the two ECDSA signatures with the same r, of which a key of the
// service accepts only one.
func TestPublicAcceptsEitherS(t *testing.T) {
	key := keys.NewES256("a", seedOf("a"), keys.Plan{})
	public, ok := keys.NewPublic(keys.ES256, key.Public())
	require.True(t, ok)
	message := []byte("message")
	low := key.Sign(message)
	high := append([]byte{}, low...)
	s := new(big.Int).SetBytes(low[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(high[32:])
	assert.True(t, public.Verify(message, low))
	assert.True(t, public.Verify(message, high))
	assert.False(t, key.Verify(message, high))
	for i := range low {
		low[i] ^= 1
		assert.False(t, public.Verify(message, low), i)
		low[i] ^= 1
	}
	assert.False(t, public.Verify(message, low[:63]))
	assert.False(t, public.Verify(message, append(low, 0)))
	assert.False(t, public.Verify(message, make([]byte, 64)))
	assert.False(t, public.Verify([]byte("another"), low))
}

// TestPublicHidesKey formats a device key and its thumbprint, which identify the device, with verbs
// of fmt.
func TestPublicHidesKey(t *testing.T) {
	key, ok := keys.NewPublic(keys.ES256, keys.NewES256("a", seedOf("a"), keys.Plan{}).Public())
	require.True(t, ok)
	parsed, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4},
		keys.NewES256("a", seedOf("a"), keys.Plan{}).Public()...))
	require.NoError(t, err)
	print := key.Thumbprint()
	type closed struct {
		key   keys.Public
		print keys.Thumbprint
	}
	type open struct {
		Key   keys.Public
		Print keys.Thumbprint
	}
	raw, err := parsed.Bytes()
	require.NoError(t, err)
	for _, value := range []any{key, print, &key, &print, closed{key, print}, open{key, print},
		&closed{key, print}, []any{key, print}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%z"} {
			shown := fmt.Sprintf(verb, value)
			assert.NotContains(t, shown, print.Text(), verb)
			assert.NotContains(t, shown, fmt.Sprintf("%x", print.Text()), verb)
			assert.NotContains(t, shown, string(raw[1:]), verb)
			assert.NotContains(t, strings.ToLower(shown), fmt.Sprintf("%x", raw[1:33]), verb)
			assert.NotContains(t, shown, fmt.Sprint(new(big.Int).SetBytes(raw[1:33])), verb)
		}
		written, err := json.Marshal(value)
		require.NoError(t, err)
		assert.NotContains(t, string(written), print.Text())
	}
	assert.Equal(t, "[thumbprint] [public key]", fmt.Sprint(print, key))
}

func TestIsThumbprintAllocatesNothing(t *testing.T) {
	text := strings.Repeat("A", 43)
	require.True(t, keys.IsThumbprint(text))
	assert.Zero(t, testing.AllocsPerRun(99, func() { keys.IsThumbprint(text) }))
}
