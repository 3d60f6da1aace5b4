package token_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
)

// A keyring of every algorithm, with keys in every state.
var (
	past    = keys.Plan{SignFrom: noon.Add(-time.Hour)}
	pair    = keys.NewEdDSA("pair", []byte("the first seed that tests know.."), past)
	waiting = keys.NewEdDSA("waiting", []byte("the second seed that tests know."),
		keys.Plan{SignFrom: noon.Add(time.Hour)})
	pairEnded = keys.NewEdDSA("pair-ended", []byte("the third seed that tests know.."),
		keys.Plan{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon})
	pairRevoked = keys.NewEdDSA("pair-revoked", []byte("the fourth seed that tests know."),
		keys.Plan{SignFrom: noon.Add(-time.Hour), Revoked: true})
	point = keys.NewES256("point", []byte("the scalar that only tests know."), past)
	both  = mustKeyring(kid, ended, pair, waiting, pairEnded, pairRevoked, point)
)

const jwsHeader = `{"alg":"EdDSA","kid":"pair","typ":"JWT"}`

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// jws returns header and payload, whatever they are, as a JWS signed by key.
func jws(header, payload string, key keys.Key) string {
	signed := encoded(header) + "." + encoded(payload)
	return signed + "." + encoded(string(key.Sign([]byte(signed))))
}

// pairValid is a valid payload under the kid pair.
func pairValid() members { return valid().with("kid", `"pair"`) }

// jwsReason verifies text at noon with the keyring both and returns the reason; it is empty if the
// token was accepted.
func jwsReason(t testing.TB, text string) token.Reason {
	t.Helper()
	return reasonUnder(t, text, both, noon)
}

func TestSignJWS(t *testing.T) {
	const text = "a\"\\/b\u00e9<&>\u2028\U0001f511\u007e"
	claims := session.Claims{
		KeyID: "pair", IssuedAt: 1771243200, NotBefore: 1771243200, Issuer: "iss\"uer",
		Audience:  "\\",
		InstallID: installID(t, text), ExpiresAt: 1771243320,
	}
	signed := token.Sign(claims, pair)
	segments := strings.Split(signed, ".")
	require.Len(t, segments, 3)
	assert.Equal(t, encoded(jwsHeader), segments[0])
	const install = `"a\"\\/b` + "\u00e9<&>\u2028\U0001f511\u007e" + `"`
	assert.Equal(t, encoded(
		`{"v":2,"kid":"pair","iat":1771243200,"nbf":1771243200,"iss":"iss\"uer","aud":"\\",`+
			`"install_id":`+install+`,"exp":1771243320,"sub":`+install+`}`), segments[1])
	private := ed25519.NewKeyFromSeed([]byte("the first seed that tests know.."))
	assert.Equal(t, encoded(string(ed25519.Sign(private, []byte(segments[0]+"."+segments[1])))),
		segments[2])

	claims.KeyID = "kid"
	assert.Len(t, strings.Split(token.Sign(claims, kid), "."), 2, "the key must determine the form")
}

// TestSignedJWSVerifies checks that a signed JWS verifies and returns the same claims, including
// the longest possible one.
func TestSignedJWSVerifies(t *testing.T) {
	settings := session.Settings{
		Issuer: strings.Repeat(`"`, 255), Audience: strings.Repeat(`\`, 255), Lifetime: time.Minute,
	}
	long := keys.NewEdDSA(keys.ID(strings.Repeat("k", keys.MaxID)),
		[]byte("the fifth seed that tests know.."), past)
	keyring := mustKeyring(pair, long)
	for _, key := range []keys.Key{pair, long} {
		for _, install := range []string{"install-12345", strings.Repeat("\U0001f511", 128),
			strings.Repeat(`"`, 128), "\u2028\u00a0 \ufeff\uffff-\ufffdx"} {
			claims := settings.Claims(installID(t, install), key.ID(), noon)
			text := token.Sign(claims, key)
			assert.LessOrEqual(t, len(text), token.MaxLength)
			got, err := token.Verify(text, keyring, settings, noon)
			require.NoError(t, err)
			assert.Equal(t, claims, got)
			assert.Equal(t, []rune(install), []rune(got.InstallID.Text()))
			for segment := range strings.SplitSeq(text, ".") {
				assertOneText(t, segment)
			}
		}
	}
}

// assertOneText checks that segment is the only base64url text for its bytes.
func assertOneText(t testing.TB, segment string) {
	t.Helper()
	decoded, err := strict.DecodeBase64(segment)
	require.NoError(t, err)
	assert.Equal(t, segment, strict.EncodeBase64(decoded))
}

func TestJWSHeader(t *testing.T) {
	const header, json = token.ReasonHeader, token.ReasonJSON
	for name, c := range map[string]struct {
		header string
		want   token.Reason
	}{
		"as Sign writes it": {jwsHeader, ""},
		"without typ":       {`{"alg":"EdDSA","kid":"pair"}`, ""},
		"in another order":  {`{"typ":"JWT","kid":"pair","alg":"EdDSA"}`, ""},
		"white space":       {" \r\n{\t\"alg\" : \"EdDSA\" ,\n\"kid\":\"pair\"}\n", ""},
		"escaped names": {`{"\u0061lg":"EdDSA","ki\u0064":"pair","t\u0079p":"JWT"}`,
			""},
		"escaped values":           {`{"alg":"\u0045dDSA","kid":"p\u0061ir"}`, ""},
		"no members":               {`{}`, header},
		"without alg":              {`{"kid":"pair","typ":"JWT"}`, header},
		"without kid":              {`{"alg":"EdDSA","typ":"JWT"}`, header},
		"only typ":                 {`{"typ":"JWT"}`, header},
		"alg none":                 {`{"alg":"none","kid":"pair"}`, header},
		"alg None":                 {`{"alg":"None","kid":"pair"}`, header},
		"alg NONE":                 {`{"alg":"NONE","kid":"pair"}`, header},
		"alg HS256":                {`{"alg":"HS256","kid":"pair"}`, header},
		"alg HS512":                {`{"alg":"HS512","kid":"pair"}`, header},
		"alg ES256":                {`{"alg":"ES256","kid":"pair"}`, token.ReasonAlgorithm},
		"alg es256":                {`{"alg":"es256","kid":"pair"}`, header},
		"alg ES384":                {`{"alg":"ES384","kid":"pair"}`, header},
		"alg ES256K":               {`{"alg":"ES256K","kid":"pair"}`, header},
		"alg RS256":                {`{"alg":"RS256","kid":"pair"}`, header},
		"alg Ed25519":              {`{"alg":"Ed25519","kid":"pair"}`, header},
		"alg Ed448":                {`{"alg":"Ed448","kid":"pair"}`, header},
		"alg in lower case":        {`{"alg":"eddsa","kid":"pair"}`, header},
		"alg in upper case":        {`{"alg":"EDDSA","kid":"pair"}`, header},
		"alg with a space":         {`{"alg":"EdDSA ","kid":"pair"}`, header},
		"alg with NUL":             {`{"alg":"EdDSA\u0000","kid":"pair"}`, header},
		"alg empty":                {`{"alg":"","kid":"pair"}`, header},
		"alg null":                 {`{"alg":null,"kid":"pair"}`, header},
		"alg number":               {`{"alg":0,"kid":"pair"}`, header},
		"alg list":                 {`{"alg":["EdDSA"],"kid":"pair"}`, header},
		"alg object":               {`{"alg":{"alg":"EdDSA"},"kid":"pair"}`, header},
		"kid of another key":       {`{"alg":"EdDSA","kid":"waiting"}`, header},
		"kid of unknown key":       {`{"alg":"EdDSA","kid":"unknown"}`, header},
		"kid in another case":      {`{"alg":"EdDSA","kid":"Pair"}`, header},
		"kid with a space":         {`{"alg":"EdDSA","kid":"pair "}`, header},
		"kid empty":                {`{"alg":"EdDSA","kid":""}`, header},
		"kid null":                 {`{"alg":"EdDSA","kid":null}`, header},
		"kid list":                 {`{"alg":"EdDSA","kid":["pair"]}`, header},
		"typ in lower case":        {`{"alg":"EdDSA","kid":"pair","typ":"jwt"}`, header},
		"typ of another token":     {`{"alg":"EdDSA","kid":"pair","typ":"at+jwt"}`, header},
		"typ JOSE":                 {`{"alg":"EdDSA","kid":"pair","typ":"JOSE"}`, header},
		"typ empty":                {`{"alg":"EdDSA","kid":"pair","typ":""}`, header},
		"typ null":                 {`{"alg":"EdDSA","kid":"pair","typ":null}`, header},
		"typ list":                 {`{"alg":"EdDSA","kid":"pair","typ":["JWT"]}`, header},
		"crit empty":               {`{"alg":"EdDSA","kid":"pair","crit":[]}`, header},
		"crit of a present member": {`{"alg":"EdDSA","kid":"pair","crit":["kid"]}`, header},
		"crit of b64, b64 true": {`{"alg":"EdDSA","kid":"pair","crit":["b64"],"b64":true}`,
			header},
		"crit of b64, b64 false": {`{"alg":"EdDSA","kid":"pair","crit":["b64"],"b64":false}`,
			header},
		"crit that is a string": {`{"alg":"EdDSA","kid":"pair","crit":"exp"}`, header},
		"b64 true":              {`{"alg":"EdDSA","kid":"pair","b64":true}`, header},
		"b64 false":             {`{"alg":"EdDSA","kid":"pair","b64":false}`, header},
		"jwk": {
			`{"alg":"EdDSA","kid":"pair","jwk":{"kty":"OKP","crv":"Ed25519","x":"` +
				encoded(string(pair.Public())) + `"}}`,
			header,
		},
		"jwk instead of kid": {`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"` +
			encoded(string(pair.Public())) + `"}}`, header},
		"jwk null": {`{"alg":"EdDSA","kid":"pair","jwk":null}`, header},
		"jku": {
			`{"alg":"EdDSA","kid":"pair","jku":"https://attacker.example/jwks.json"}`, header,
		},
		"x5u": {
			`{"alg":"EdDSA","kid":"pair","x5u":"https://attacker.example/key.pem"}`, header,
		},
		"x5c":                     {`{"alg":"EdDSA","kid":"pair","x5c":["AAAA"]}`, header},
		"x5t":                     {`{"alg":"EdDSA","kid":"pair","x5t":"AAAA"}`, header},
		"x5t#S256":                {`{"alg":"EdDSA","kid":"pair","x5t#S256":"AAAA"}`, header},
		"cty":                     {`{"alg":"EdDSA","kid":"pair","cty":"JWT"}`, header},
		"zip":                     {`{"alg":"EdDSA","kid":"pair","zip":"DEF"}`, header},
		"enc":                     {`{"alg":"EdDSA","kid":"pair","enc":"A128GCM"}`, header},
		"a claim":                 {`{"alg":"EdDSA","kid":"pair","iss":"issuer"}`, header},
		"an unknown member":       {`{"alg":"EdDSA","kid":"pair","x":"y"}`, header},
		"an unknown member, null": {`{"alg":"EdDSA","kid":"pair","x":null}`, header},
		"an empty name":           {`{"alg":"EdDSA","kid":"pair","":""}`, header},
		"a name with a space":     {`{"alg":"EdDSA","kid":"pair","typ ":"JWT"}`, header},
		"Alg instead":             {`{"Alg":"EdDSA","kid":"pair"}`, header},
		"ALG in addition":         {`{"alg":"EdDSA","ALG":"EdDSA","kid":"pair"}`, header},
		"Kid instead":             {`{"alg":"EdDSA","Kid":"pair"}`, header},
		"KID in addition":         {`{"alg":"EdDSA","kid":"pair","KID":"pair"}`, header},
		"TYP":                     {`{"alg":"EdDSA","kid":"pair","TYP":"JWT"}`, header},
		"kid with a Kelvin sign":  {"{\"alg\":\"EdDSA\",\"\u212aid\":\"pair\"}", header},
		"alg twice":               {`{"alg":"EdDSA","alg":"EdDSA","kid":"pair"}`, json},
		"alg twice, none first":   {`{"alg":"none","alg":"EdDSA","kid":"pair"}`, json},
		"alg twice, none last":    {`{"alg":"EdDSA","alg":"none","kid":"pair"}`, json},
		"alg twice, once escaped": {`{"alg":"EdDSA","a\u006cg":"EdDSA","kid":"pair"}`, json},
		"kid twice":               {`{"alg":"EdDSA","kid":"pair","kid":"pair"}`, json},
		"typ twice": {`{"alg":"EdDSA","kid":"pair","typ":"JWT","typ":"JWT"}`,
			json},
		"twice in a nested object": {`{"alg":"EdDSA","kid":"pair","jwk":{"x":"","x":""}}`, json},
		"a list":                   {`["alg","EdDSA","kid","pair"]`, json},
		"a string":                 {`"EdDSA"`, json},
		"a number":                 {`1`, json},
		"null":                     {`null`, json},
		"not JSON":                 {`alg=EdDSA`, json},
		"only white space":         {` `, json},
		"a byte order mark":        {"\ufeff" + jwsHeader, json},
		"text after":               {jwsHeader + `{}`, json},
		"NUL after":                {jwsHeader + "\x00", json},
		"a comma at the end":       {`{"alg":"EdDSA","kid":"pair",}`, json},
		"truncated":                {`{"alg":"EdDSA","kid":"pair"`, json},
		"a comment":                {`{"alg":"EdDSA",/**/"kid":"pair"}`, json},
		"single quotes":            {`{'alg':'EdDSA','kid':'pair'}`, json},
		"a lone surrogate":         {`{"alg":"EdDSA","kid":"pair","typ":"\ud800"}`, json},
		"invalid UTF-8": {"{\"alg\":\"EdDSA\",\"kid\":\"pair\",\"typ\":\"\xff\"}",
			json},
		"64 levels": {`{"alg":"EdDSA","kid":"pair","x":` +
			strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, header},
		"65 levels": {`{"alg":"EdDSA","kid":"pair","x":` +
			strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, json},
		"a thousand levels": {strings.Repeat(`{"x":`, 1000) + "1" +
			strings.Repeat("}", 1000), token.ReasonTooLong},
		"the payload":                {pairValid().json(), header},
		"the header inside a header": {`{"header":` + jwsHeader + `}`, header},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, jwsReason(t, jws(c.header, pairValid().json(), pair)))
		})
	}
}

// TestKidsMustAgree checks that a token is rejected unless header and claim name the same key.
func TestKidsMustAgree(t *testing.T) {
	header := func(kid string) string { return `{"alg":"EdDSA","kid":` + kid + `}` }
	for name, c := range map[string]struct {
		header, claim string
		key           keys.Key
		want          token.Reason
	}{
		"a signing key": {`"pair"`, `"pair"`, pair, ""},
		"a pending key": {`"waiting"`, `"waiting"`, waiting, ""},
		"an ended key": {`"pair-ended"`, `"pair-ended"`, pairEnded,
			token.ReasonUnknownKey},
		"a revoked key": {`"pair-revoked"`, `"pair-revoked"`, pairRevoked,
			token.ReasonUnknownKey},
		"an unknown key":                {`"unknown"`, `"unknown"`, pair, token.ReasonUnknownKey},
		"a symmetric key":               {`"kid"`, `"kid"`, pair, token.ReasonAlgorithm},
		"an ended symmetric key":        {`"ended"`, `"ended"`, pair, token.ReasonUnknownKey},
		"signed by another key":         {`"pair"`, `"pair"`, waiting, token.ReasonSignature},
		"the claim differs, signed so":  {`"pair"`, `"waiting"`, waiting, token.ReasonHeader},
		"the header differs, signed so": {`"waiting"`, `"pair"`, waiting, token.ReasonHeader},
		"escaped":                       {`"p\u0061ir"`, `"\u0070air"`, pair, ""},
		"both empty":                    {`""`, `""`, pair, token.ReasonUnknownKey},
		"both null":                     {`null`, `null`, pair, token.ReasonHeader},
		"both a number":                 {`1`, `1`, pair, token.ReasonHeader},
		"both out of bounds":            {`"a b"`, `"a b"`, pair, token.ReasonUnknownKey},
		"the claim is not a string":     {`"pair"`, `["pair"]`, pair, token.ReasonHeader},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, jwsReason(t,
				jws(header(c.header), valid().with("kid", c.claim).json(), c.key)))
		})
	}
	assert.Equal(t, token.ReasonHeader, jwsReason(t,
		jws(jwsHeader, valid().without("kid").json(), pair)), "without the claim")
}

// TestIgnoresSub checks that sub, which is for other verifiers, is ignored.
func TestIgnoresSub(t *testing.T) {
	const install = "install-12345"
	for name, c := range map[string]struct {
		sub  string
		want token.Reason
	}{
		"equal": {`"` + install + `"`, ""}, "other": {`"other-install"`, ""}, "empty": {`""`, ""},
		"null": {"null", ""}, "number": {"1.5", ""},
		"list": {`["a",{"b":1}]`, ""}, "object": {`{"install_id":"x","exp":0}`, ""},
		"names twice inside": {`{"a":1,"a":1}`, token.ReasonJSON},
		"twice":              {`"a","sub":"b"`, token.ReasonJSON},
	} {
		for form, text := range map[string]string{
			"JWS":     jws(jwsHeader, append(pairValid(), [2]string{"sub", c.sub}).json(), pair),
			"compact": signedBy(kid, append(valid(), [2]string{"sub", c.sub}).json()),
		} {
			t.Run(name+", "+form, func(t *testing.T) {
				require.Equal(t, c.want, jwsReason(t, text))
				if c.want == "" {
					claims, err := token.Verify(text, both, settings, noon)
					require.NoError(t, err)
					assert.Equal(t, install, claims.InstallID.Text())
				}
			})
		}
	}
	withoutInstall := append(pairValid().without("install_id"),
		[2]string{"sub", `"` + install + `"`})
	assert.Equal(t, token.ReasonClaimMissing,
		jwsReason(t, jws(jwsHeader, withoutInstall.json(), pair)),
		"sub does not replace install_id")
}

// TestRejectsEveryChangedByte changes every byte of a JWS, of what is signed and of the signature.
func TestRejectsEveryChangedByte(t *testing.T) {
	text := jws(jwsHeader, pairValid().json(), pair)
	require.Equal(t, token.Reason(""), jwsReason(t, text))
	for at := range text {
		for _, other := range []byte("A-_z9") {
			if text[at] != other && text[at] != '.' {
				assert.NotEqual(t, token.Reason(""),
					jwsReason(t, text[:at]+string(other)+text[at+1:]), "byte %d", at)
			}
		}
	}
}
