package proof_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/proof"
)

// hostile lists changes of a valid proof as a hostile client makes them.
var hostile = []struct {
	name string
	make func(draft) draft
	want proof.Reason // "" if the proof is accepted
}{
	{"nothing odd", func(d draft) draft { return d }, ""},

	{"typ, another", header("typ", `"JWT"`), proof.ReasonType},
	{"typ, escaped", header("typ", `"dpop\u002bjwt"`), ""},
	{"typ, a list", header("typ", `["dpop+jwt"]`), proof.ReasonType},
	{"typ, with a blank", header("typ", `"dpop+jwt "`), proof.ReasonType},
	{"alg, a list", header("alg", `["ES256"]`), proof.ReasonAlgorithm},
	{"alg, symmetric", header("alg", `"HS256"`), proof.ReasonAlgorithm},
	{"alg, empty", header("alg", `""`), proof.ReasonAlgorithm},
	{"alg, none", header("alg", `"none"`), proof.ReasonAlgorithm},
	{"alg, of another curve", header("alg", `"ES384"`), proof.ReasonAlgorithm},
	{"crit, empty", header("crit", `[]`), proof.ReasonCritical},
	{"crit, null", header("crit", `null`), proof.ReasonCritical},
	{"crit, a registered name", header("crit", `["exp"]`), proof.ReasonCritical},
	{"b64 without crit", header("b64", `false`), ""},
	{"x5c, x5u, jku, zip", func(d draft) draft {
		return d.headed("x5c", `["AA"]`).headed("x5u", `"https://evil.example"`).
			headed("jku", `7`).headed("zip", `"DEF"`)
	}, ""},

	{"jwk, a list", header("jwk", `[{}]`), proof.ReasonKey},
	{"jwk, a number", header("jwk", `1e999`), proof.ReasonKey},
	{"jwk, empty", header("jwk", `{}`), proof.ReasonKey},
	{"d, null", key("d", `null`), proof.ReasonPrivateKey},
	{"d, an object", key("d", `{}`), proof.ReasonPrivateKey},
	{"d, escaped", key(`\u0064`, `"AA"`), proof.ReasonPrivateKey},
	{"k", key("k", `"AA"`), proof.ReasonPrivateKey},
	{"D", key("D", `"AA"`), ""},
	{"d outside", header("d", `"AA"`), ""},
	{"kty, lower case", key("kty", `"okp"`), proof.ReasonKey},
	{"kty, a symmetric key's", key("kty", `"oct"`), proof.ReasonKey},
	{"kty, a list", key("kty", `["OKP","EC"]`), proof.ReasonKey},
	{"crv, a number", key("crv", `25519`), proof.ReasonKey},
	{"crv, another", key("crv", `"P-384"`), proof.ReasonKey},
	{"x, a list", key("x", `["AA"]`), proof.ReasonKey},
	{"x, null", key("x", `null`), proof.ReasonKey},
	{"x, empty", key("x", `""`), proof.ReasonKey},
	{"x, long", key("x", `"`+strings.Repeat("A", 4000)+`"`), proof.ReasonKey},
	{"x, with a line break", key("x", `"A\nA"`), proof.ReasonKey},
	{"use, null", key("use", `null`), proof.ReasonKey},
	{"use, a list", key("use", `["sig"]`), proof.ReasonKey},
	{"use, empty", key("use", `""`), proof.ReasonKey},
	{"use, sig", key("use", `"sig"`), ""},
	{"key_ops of another purpose", key("key_ops", `["encrypt"]`), ""},
	{"key_ops, no list", key("key_ops", `{"a":[null]}`), ""},
	{"alg of another key", key("alg", `"RS256"`), ""},
	{"kid, x5c, x5t in the key", func(d draft) draft {
		return d.headed("jwk", d.device.jwk.with("kid", `{}`).with("x5c", `[[]]`).
			with("x5t", `1e400`).json())
	}, ""},

	{"jti, a number", claim("jti", `1`), proof.ReasonClaims},
	{"jti, null", claim("jti", `null`), proof.ReasonClaims},
	{"jti, empty", claim("jti", `""`), proof.ReasonID},
	{"jti, one character", claim("jti", `"."`), ""},
	{"jti, 128 characters of many bytes", claim("jti", `"`+strings.Repeat("é", 128)+`"`), ""},
	{"jti, 129 characters", claim("jti", `"`+strings.Repeat("é", 129)+`"`), proof.ReasonID},
	{"jti, NUL", claim("jti", `"\u0000"`), ""},
	{"jti, a lone surrogate", claim("jti", `"\ud800"`), proof.ReasonMalformed},
	{"htm, a list", claim("htm", `["POST"]`), proof.ReasonClaims},
	{"htm, with a blank", claim("htm", `"POST "`), proof.ReasonMethod},
	{"htu, an object", claim("htu", `{}`), proof.ReasonClaims},
	{"htu, empty", claim("htu", `""`), proof.ReasonURI},
	{"htu, long", claim("htu", `"https://sessions.example.com`+strings.Repeat("/a/..", 900)+
		`/v1/sessions/anonymous"`), ""},
	{"htu, deep", claim("htu", `"https://sessions.example.com`+strings.Repeat("/..", 900)+
		`/v1/sessions/anonymous"`), ""},

	{"iat, text", claim("iat", `"1771243200"`), proof.ReasonClaims},
	{"iat, a list", claim("iat", `[1771243200]`), proof.ReasonClaims},
	{"iat, 1e400", claim("iat", `1e400`), proof.ReasonFuture},
	{"iat, -1e400", claim("iat", `-1e400`), proof.ReasonStale},
	{"iat, 2^64 and now", claim("iat", `18446744075480794816`), proof.ReasonFuture},
	{"iat, a long exponent", claim("iat", `1e`+strings.Repeat("9", 3000)), proof.ReasonFuture},
	{"iat, a tiny number", claim("iat", `1e-`+strings.Repeat("9", 3000)), proof.ReasonStale},
	{"iat, many digits", claim("iat", strings.Repeat("9", 3000)), proof.ReasonFuture},
	{"iat, many zeros", claim("iat", `0.`+strings.Repeat("0", 3000)+`1771243200e3010`), ""},
	{"iat, an exponent", claim("iat", `17712432e2`), ""},
	{"iat, minus zero", claim("iat", `-0`), proof.ReasonStale},
	{"iat, negative", claim("iat", `-1771243200`), proof.ReasonStale},
	{"iat, a plus sign", claim("iat", `+1771243200`), proof.ReasonMalformed},
	{"iat, NaN", claim("iat", `NaN`), proof.ReasonMalformed},
	{"iat, hex", claim("iat", `0x69930900`), proof.ReasonMalformed},
	{"exp, text", claim("exp", `"9999999999"`), proof.ReasonClaims},
	{"exp, null", claim("exp", `null`), proof.ReasonClaims},
	{"exp, 1e400", claim("exp", `1e400`), ""},
	{"exp, -1e400", claim("exp", `-1e400`), proof.ReasonStale},
	{"exp, now", claim("exp", `1771243200`), proof.ReasonStale},
	{"exp, now and a fraction", claim("exp", `1771243200.9`), proof.ReasonStale},
	{"exp, in a second", claim("exp", `1771243201`), ""},
	{"nbf, far away", claim("nbf", `1e400`), ""},
	{"nonce, null", claim("nonce", `null`), proof.ReasonClaims},
	{"nonce, an object", claim("nonce", `{}`), proof.ReasonClaims},
	{"nonce, unknown", claim("nonce", `"0123456789012345678901"`), proof.ReasonNonce},
	{"ath, null", claim("ath", `null`), proof.ReasonClaims},
	{"ath, a list", claim("ath", `[]`), proof.ReasonClaims},

	{"a name twice, escaped", claim(`j\u0074i`, `"another"`), proof.ReasonMalformed},
	{"a name twice in the header", header(`\u0061lg`, `"none"`), proof.ReasonMalformed},
	{"a name twice in the key", key(`\u0078`, `"AA"`), proof.ReasonMalformed},
	{"an unknown name twice, deep", claim("a", `[{"b":1,"b":1}]`), proof.ReasonMalformed},
	{"64 levels", claim("a", strings.Repeat("[", 63)+strings.Repeat("]", 63)), ""},
	{"65 levels", claim("a", strings.Repeat("[", 64)+strings.Repeat("]", 64)),
		proof.ReasonMalformed},
	{"65 levels in the key", key("a", strings.Repeat("[", 63)+strings.Repeat("]", 63)),
		proof.ReasonMalformed},
	{"thousands of levels", claim("a", strings.Repeat(`{"":`, 1200)), proof.ReasonMalformed},
	{"thousands of names", claim("a", "{"+manyNames(500)+"}"), ""},
	{"a huge header", header("a", `"`+strings.Repeat("a", 6000)+`"`), proof.ReasonTooLarge},
	{"invalid UTF-8", claim("a", "\"\xff\""), proof.ReasonMalformed},
}

func header(name, value string) func(draft) draft {
	return func(d draft) draft { return d.headed(name, value) }
}

func key(name, value string) func(draft) draft {
	return func(d draft) draft { return d.keyed(name, value) }
}

func claim(name, value string) func(draft) draft {
	return func(d draft) draft { return d.claiming(name, value) }
}

// manyNames returns n members with different names.
func manyNames(n int) string {
	var names []string
	for i := range n {
		names = append(names, `"`+string(rune(0x4e00+i))+`":0`)
	}
	return strings.Join(names, ",")
}

// TestHostileProofs signs each changed proof, so that the signature never hides the change.
func TestHostileProofs(t *testing.T) {
	for name, d := range map[string]device{"OKP": okp, "EC": ec} {
		for _, c := range hostile {
			t.Run(name+", "+c.name, func(t *testing.T) {
				assert.Equal(t, c.want, judged(t, c.make(d.valid())))
			})
		}
	}
}

// TestKeyOfAnotherDevice puts the key of another device into a proof.
func TestKeyOfAnotherDevice(t *testing.T) {
	for _, pair := range [][2]device{{okp, ec}, {ec, okp}} {
		d := pair[0].valid().headed("jwk", pair[1].jwk.json())
		assert.Equal(t, proof.ReasonKey, judged(t, d), "alg is not the key's")
		d = d.headed("alg", `"`+string(pair[1].key.Algorithm())+`"`)
		assert.Equal(t, proof.ReasonSignature, judged(t, d))
	}
}

// TestParseRejectsMalformedHeaders changes the encoding of a valid proof, and the number of
// headers.
func TestParseRejectsMalformedHeaders(t *testing.T) {
	text := ec.valid().text()
	segments := strings.Split(text, ".")
	for name, c := range map[string]struct {
		values []string
		want   proof.Reason
	}{
		"none":             {nil, proof.ReasonMissing},
		"two":              {[]string{text, text}, proof.ReasonMultiple},
		"two, one empty":   {[]string{text, ""}, proof.ReasonMultiple},
		"empty":            {[]string{""}, proof.ReasonMalformed},
		"dots":             {[]string{".."}, proof.ReasonMalformed},
		"many dots":        {[]string{strings.Repeat(".", proof.MaxHeader)}, proof.ReasonMalformed},
		"too large":        {[]string{strings.Repeat(".", proof.MaxHeader+1)}, proof.ReasonTooLarge},
		"a blank before":   {[]string{" " + text}, proof.ReasonMalformed},
		"a blank behind":   {[]string{text + " "}, proof.ReasonMalformed},
		"a line break":     {[]string{text + "\n"}, proof.ReasonMalformed},
		"a fourth segment": {[]string{text + ".AA"}, proof.ReasonMalformed},
		"a trailing dot":   {[]string{text + "."}, proof.ReasonMalformed},
		"no header":        {[]string{"." + segments[1] + "." + segments[2]}, proof.ReasonMalformed},
		"no claims":        {[]string{segments[0] + ".." + segments[2]}, proof.ReasonMalformed},
		"no signature":     {[]string{segments[0] + "." + segments[1] + "."}, proof.ReasonMalformed},
		"two segments":     {[]string{segments[0] + "." + segments[1]}, proof.ReasonMalformed},
		"a short signature": {[]string{segments[0] + "." + segments[1] + "." +
			encoded(strings.Repeat("a", 63))}, proof.ReasonSignature},
		"a long signature": {[]string{text + "AAAA"}, proof.ReasonSignature},
		"a DER signature": {[]string{segments[0] + "." + segments[1] + "." +
			encoded("\x30\x06\x02\x01\x01\x02\x01\x01")}, proof.ReasonSignature},
		"a signature of zeros": {[]string{segments[0] + "." + segments[1] + "." +
			encoded(strings.Repeat("\x00", 64))}, proof.ReasonSignature},
		"JSON serialization": {[]string{`{"payload":"` + segments[1] + `"}`}, proof.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := proof.Parse(c.values)
			assert.Equal(t, c.want, reasonOf(t, err))
			assert.Equal(t, proof.Proof{}, read)
		})
	}
	_, err := proof.Parse([]string{text})
	require.NoError(t, err)
}

// TestRSAKeyIsRejected presents a key of a type that no algorithm has.
func TestRSAKeyIsRejected(t *testing.T) {
	rsa := members{{"kty", `"RSA"`}, {"n", `"` + strings.Repeat("A", 342) + `"`}, {"e", `"AQAB"`}}
	assert.Equal(t, proof.ReasonKey, judged(t, ec.valid().headed("jwk", rsa.json())))
	assert.Equal(t, proof.ReasonPrivateKey,
		judged(t, ec.valid().headed("jwk", rsa.with("d", `"AA"`).json())))
}

func TestPointNotOnTheCurveIsRejected(t *testing.T) {
	y := ec.jwk[3][1]
	require.Equal(t, "y", ec.jwk[3][0])
	moved := strings.Replace(y, y[1:2], map[bool]string{true: "B", false: "A"}[y[1] == 'A'], 1)
	assert.Equal(t, proof.ReasonKey, judged(t, ec.valid().keyed("y", moved)))
	zeros := `"` + encoded(strings.Repeat("\x00", 32)) + `"`
	assert.Equal(t, proof.ReasonKey, judged(t, ec.valid().keyed("x", zeros)))
	assert.Equal(t, proof.ReasonKey, judged(t, ec.valid().keyed("y", zeros)))
}
