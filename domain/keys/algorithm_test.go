package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

func TestUnknownAlgorithmsNeverSign(t *testing.T) {
	for _, unknown := range []keys.Algorithm{"", "none", "hs256", keys.Third} {
		_, ok := keys.ParseAlgorithm(string(unknown))
		assert.False(t, ok, unknown)
		assert.Zero(t, unknown.Form(), unknown)
		assert.Zero(t, unknown.SignatureSize(), unknown)
		assert.Panics(t, func() { keys.Generate(unknown, "new", repeated(1)) }, unknown)
		assert.Panics(t, func() { unknown.IDPrefix() }, unknown)
		assert.Panics(t, func() { unknown.SignAfter() }, unknown)
	}
	zero := keys.Key{}
	assert.Equal(t, keys.Algorithm(""), zero.Algorithm())
	assert.Panics(t, func() { zero.Sign([]byte("message")) })
	assert.Panics(t, func() { zero.Verify([]byte("message"), make([]byte, 32)) })
	assert.Panics(t, func() { token.Sign(session.Claims{}, zero) })
	assert.False(t, keys.Form(0).AllowsSignature(0))
}

func TestUnknownFormsNeverSign(t *testing.T) {
	keys.UseFormless(t)
	assert.PanicsWithValue(t, "token: the key's algorithm has no form", func() {
		token.Sign(session.Claims{KeyID: "new"}, generateThird("new", 1))
	})
}

func TestEither(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"},
		"a, b or c": {"a", "b", "c"}} {
		assert.Equal(t, want, keys.Either(names))
	}
}

// repeated returns a source of bytes that all have the value fill.
func repeated(fill byte) func(int) []byte {
	return func(size int) []byte { return bytes.Repeat([]byte{fill}, size) }
}

func generateThird(id keys.ID, fill byte) keys.Key {
	return keys.Generate(keys.Third, id, repeated(fill))
}

func TestGenerateDrawsUntilTheMaterialIsValid(t *testing.T) {
	keys.UseThird(t)
	draws := [][]byte{bytes.Repeat([]byte{0xff}, 48), make([]byte, 48),
		bytes.Repeat([]byte{1}, 48)}
	key := keys.Generate(keys.Third, "new", func(size int) []byte {
		require.Equal(t, 48, size)
		drawn := draws[0]
		draws = draws[1:]
		return drawn
	})
	assert.Empty(t, draws)
	assert.Equal(t, generateThird("new", 1), key)
}

// TestThirdAlgorithmIsPlanned takes a keyset from EdDSA to the third algorithm.
func TestThirdAlgorithmIsPlanned(t *testing.T) {
	before := keys.Algorithms()
	keys.UseThird(t)
	assert.Equal(t, append(before, keys.Third), keys.Algorithms())
	parsed, ok := keys.ParseAlgorithm("T384")
	assert.True(t, ok)
	assert.Equal(t, 90*time.Minute, parsed.SignAfter())
	assert.Equal(t, "t3", parsed.IDPrefix())

	keyring, err := keys.Add(nil, keys.Addition{Key: pair("a", keys.Plan{})}, noon)
	require.NoError(t, err)
	addition := keys.Addition{Key: generateThird("new", 1), SignAfter: time.Minute - 1}
	_, err = keys.Rotate(keyring, addition, retention, noon)
	assert.Equal(t, &keys.PlanError{Problem: keys.ProblemTooSoon, ID: "new",
		MinSignAfter: time.Minute}, err)
	addition.SignAfter = parsed.SignAfter()
	rotated, err := keys.Rotate(keyring, addition, retention, noon)
	require.NoError(t, err)
	assert.Equal(t, map[keys.ID]keys.Plan{"a": until(0, 90*time.Minute+life),
		"new": from(90 * time.Minute)}, plans(rotated))

	for name, shared := range map[string][]byte{"the private part": addition.Key.Secret(),
		"the public part": addition.Key.Public()} {
		_, err := keys.Add(rotated, keys.Addition{Key: keys.NewHS256("b", shared, keys.Plan{})},
			noon)
		assert.Equal(t, &keys.PlanError{Problem: keys.ProblemSameMaterial, ID: "new"}, err, name)
	}
}

func TestThirdAlgorithmIsWrittenAndRead(t *testing.T) {
	keys.UseThird(t)
	key := generateThird("t", 1).WithPlan(keys.Plan{SignFrom: noon})
	x, y := encoded(key.Public()[:48]), encoded(key.Public()[48:])
	public := `{"kty":"EC-384","crv":"P-384","alg":"T384","use":"sig","kid":"t","x":"` + x +
		`","y":"` + y + `"`
	keyring := newKeyring(t, key)
	text := keys.FormatSet(keyring)
	assert.Equal(t, "{\"keys\":[\n"+public+`,"d":"`+encoded(key.Secret())+
		`","sign_from":"2026-02-16T12:00:00Z"}`+"\n]}\n", text)
	read, err := keys.ParseSet(text)
	require.NoError(t, err)
	assert.Equal(t, keyring, read)

	published := keys.FormatPublic(keyring, noon)
	assert.Equal(t, `{"keys":[`+public+`}]}`, published)
	verifiers, err := keys.ParsePublic(published)
	require.NoError(t, err)
	verifier := verifiers.Keys()[0]
	assert.Equal(t, keys.Third, verifier.Algorithm())
	assert.Equal(t, key.Public(), verifier.Public())
	assert.Nil(t, verifier.Secret())
	assert.False(t, verifiers.CanSign(noon))
	assert.True(t, verifier.Verify([]byte("message"), key.Sign([]byte("message"))))

	third := jwk{{"kty", `"EC-384"`}, {"crv", `"P-384"`}, {"alg", `"T384"`}, {"kid", `"t"`},
		{"x", quoted(x)}, {"y", quoted(y)}, {"d", quoted(encoded(key.Secret()))},
		{"sign_from", `"2026-02-16T12:00:00Z"`}}
	other := generateThird("o", 2).Public()
	for want, refused := range map[string]jwk{
		"or EC-384":                           third.with("kty", `"EC385"`),
		"crv: must be P-384":                  third.with("crv", `"P-256"`),
		"alg: must be T384 for an EC-384 key": third.with("alg", `"EdDSA"`),
		"x: must be 48 bytes":                 third.with("x", quoted(encoded(other[:47]))),
		"y: does not fit the private part":    third.with("y", quoted(encoded(other[48:]))),
		"d: is not a private key":             third.with("d", quoted(encoded(make([]byte, 48)))),
		"not the set that is published":       third.without("d"),
		"has a member that is not known: \"k\"; known are kty alg kid sign_from verify_until " +
			"revoked use key_ops crv x y d": third.with("k", `"AAAA"`),
	} {
		_, err := keys.ParseSet(setOf(refused))
		faults, ok := errors.AsType[keys.SetFaults](err)
		require.True(t, ok, want)
		assert.True(t, slices.ContainsFunc(faults.Lines(), func(line string) bool {
			return strings.HasSuffix(line, want)
		}), "%s: %s", want, faults)
	}
	for name, ignored := range map[string]jwk{
		"with a private part": third,
		"not on the curve":    third.without("d").with("y", quoted(encoded(other[48:]))),
		"without y":           third.without("d").without("y"),
		"another curve":       third.without("d").with("crv", `"P-256"`),
	} {
		_, err := keys.ParsePublic(setOf(ignored))
		assert.Equal(t, keys.Faults{{Reason: keys.FaultNoKeys}}, err, name)
	}
}

// TestThirdAlgorithmSignsTokens signs and verifies tokens in the form of the third algorithm, and
// confuses it with the others in every way that a sender can.
func TestThirdAlgorithmSignsTokens(t *testing.T) {
	keys.UseThird(t)
	settings := session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: time.Minute}
	install, violated := session.ParseInstallID("install-12345")
	require.Equal(t, session.RuleNone, violated)
	third, ed := generateThird("t", 1), pair("ed", keys.Plan{})
	all := newKeyring(t, third, ed, key("hs", keys.Plan{}))
	public, err := keys.ParsePublic(keys.FormatPublic(all, noon))
	require.NoError(t, err)

	claims := settings.Claims(install, "t", noon)
	text := token.Sign(claims, third)
	segments := strings.Split(text, ".")
	require.Len(t, segments, 3)
	header, err := base64.RawURLEncoding.DecodeString(segments[0])
	require.NoError(t, err)
	assert.JSONEq(t, `{"alg":"T384","kid":"t","typ":"JWT"}`, string(header))
	for name, keyring := range map[string]*keys.Keyring{"private": all, "public": public} {
		got, err := token.Verify(text, keyring, settings, noon)
		require.NoError(t, err, name)
		assert.Equal(t, claims, got, name)
	}

	reason := func(text string) token.Reason {
		_, err := token.Verify(text, all, settings, noon)
		rejection, ok := errors.AsType[*token.Rejection](err)
		require.True(t, ok, text)
		return rejection.Reason
	}
	// signed returns the claims in a JWS whose header names algorithm and kid, with the signature
	// that sign makes.
	signed := func(algorithm keys.Algorithm, kid keys.ID, sign func([]byte) []byte) string {
		own := claims
		own.KeyID = kid
		payload := strings.Split(token.Sign(own, third), ".")[1]
		header, err := json.Marshal(map[string]any{"alg": algorithm, "kid": kid})
		require.NoError(t, err)
		text := encoded(header) + "." + payload
		return text + "." + encoded(sign([]byte(text)))
	}
	secretly := keys.NewHS256("x", third.Public(), keys.Plan{})
	zeros := func(size int) func([]byte) []byte {
		return func([]byte) []byte { return make([]byte, size) }
	}
	for name, c := range map[string]struct {
		text string
		want token.Reason
	}{
		"signed by another key": {signed(keys.Third, "t", generateThird("t", 2).Sign),
			token.ReasonSignature},
		"a signature of zeros":           {signed(keys.Third, "t", zeros(96)), token.ReasonSignature},
		"the length of EdDSA":            {signed(keys.Third, "t", zeros(64)), token.ReasonSignatureLength},
		"EdDSA with the third's length":  {signed(keys.EdDSA, "ed", zeros(96)), token.ReasonSignatureLength},
		"the length of HS256":            {signed(keys.Third, "t", zeros(32)), token.ReasonSignatureLength},
		"no length":                      {signed(keys.Third, "t", zeros(95)), token.ReasonSignatureLength},
		"the third's key, named EdDSA":   {signed(keys.EdDSA, "t", ed.Sign), token.ReasonAlgorithm},
		"an EdDSA key, named the third":  {signed(keys.Third, "ed", third.Sign), token.ReasonAlgorithm},
		"an HS256 key, named the third":  {signed(keys.Third, "hs", third.Sign), token.ReasonAlgorithm},
		"HS256 as JWS":                   {signed(keys.HS256, "hs", zeros(64)), token.ReasonHeader},
		"an unknown algorithm":           {signed("ES384", "t", third.Sign), token.ReasonHeader},
		"HMAC with the public part":      {token.Sign(claims, secretly), token.ReasonAlgorithm},
		"HMAC with the public part, JWS": {signed(keys.Third, "t", secretly.Sign), token.ReasonSignatureLength},
	} {
		assert.Equal(t, c.want, reason(c.text), name)
	}
}
