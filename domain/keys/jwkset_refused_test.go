package keys_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/keys"
)

func TestParseSetRefusesInvalidKeys(t *testing.T) {
	const (
		kid     = "key 1: kid: must be 1 to 64 of A-Z a-z 0-9 . _ -"
		kty     = "key 1 (a): kty: must be oct, OKP or EC"
		algOct  = "key 1 (a): alg: must be HS256 for an oct key"
		algOKP  = "key 1 (a): alg: must be EdDSA for an OKP key"
		crv     = "key 1 (a): crv: must be Ed25519"
		from    = "key 1 (a): sign_from: must be an instant in RFC 3339, as 2026-02-16T12:00:00Z"
		noFrom  = "key 1 (a): sign_from: is missing: it must be an instant in RFC 3339, as 2026-02-16T12:00:00Z"
		until   = "key 1 (a): verify_until: must be an instant in RFC 3339, as 2026-02-16T12:00:00Z"
		later   = "key 1 (a): verify_until: must be later than sign_from"
		revoked = "key 1 (a): revoked: must be true or false"
		use     = "key 1 (a): use: must be sig"
		ops     = "key 1 (a): key_ops: must be a list of sign and verify"
		unknown = "key 1 (a): has a member that is not known: "
		octs    = "; known are kty alg kid sign_from verify_until revoked use key_ops k"
		okps    = "; known are kty alg kid sign_from verify_until revoked use key_ops crv x d"
		every   = "; known are kty alg kid sign_from verify_until revoked use key_ops k crv x d y"
		text    = ": must be base64url without padding"
		missing = ": is missing"
		private = missing + ": a keyset holds private keys, and is not the set that is published"
		fits    = "key 1 (a): x: does not fit the private part"
	)
	type table map[string]struct {
		key  jwk
		want []string
	}
	of := func(faults ...string) []string { return faults }
	nameless := func(fault string) string { return strings.ReplaceAll(fault, " (a)", "") }
	rows := table{
		"kty missing": {oct("a").without("kty"), of(kty)},
		"kty RSA, with its members": {oct("a").with("kty", `"RSA"`).without("k").with("n",
			`"AAAA"`).with("e", `"AQAB"`), of(kty)},
		"kty EC2":             {okp("a").with("kty", `"EC2"`), of(kty)},
		"kty in another case": {oct("a").with("kty", `"OCT"`), of(kty)},
		"kty null":            {oct("a").with("kty", `null`), of(kty)},
		"kty list":            {oct("a").with("kty", `["oct"]`), of(kty)},
		"a mistyped member, no kty": {oct("a").without("kty").with("revokd", "true"),
			of(unknown+`"revokd" (did you mean revoked?)`, kty)},
		"alg missing":                {oct("a").without("alg"), of(algOct)},
		"alg missing, OKP":           {okp("a").without("alg"), of(algOKP)},
		"alg none":                   {oct("a").with("alg", `"none"`), of(algOct)},
		"alg none, OKP":              {okp("a").with("alg", `"none"`), of(algOKP)},
		"alg HS512":                  {oct("a").with("alg", `"HS512"`), of(algOct)},
		"alg hs256":                  {oct("a").with("alg", `"hs256"`), of(algOct)},
		"alg of the other type":      {oct("a").with("alg", `"EdDSA"`), of(algOct)},
		"alg of the other type, OKP": {okp("a").with("alg", `"HS256"`), of(algOKP)},
		"alg Ed25519 for oct":        {oct("a").with("alg", `"Ed25519"`), of(algOct)},
		"alg Ed448":                  {okp("a").with("alg", `"Ed448"`), of(algOKP)},
		"alg number":                 {okp("a").with("alg", `1`), of(algOKP)},
		"kid missing":                {oct("a").without("kid"), of(kid)},
		"kid empty":                  {oct("a").with("kid", `""`), of(kid)},
		"kid of 65 characters": {oct("a").with("kid", quoted(strings.Repeat("k", 65))),
			of(kid)},
		"kid with a space":     {oct("a").with("kid", `"not an id"`), of(kid)},
		"kid with a slash":     {oct("a").with("kid", `"not/an/id"`), of(kid)},
		"kid with a line feed": {oct("a").with("kid", `"not\nan id"`), of(kid)},
		"kid not ASCII":        {oct("a").with("kid", "\"ca\u00e9\""), of(kid)},
		"kid number":           {oct("a").with("kid", `1`), of(kid)},
		"kid null":             {oct("a").with("kid", `null`), of(kid)},
		"k missing":            {oct("a").without("k"), of("key 1 (a): k" + missing)},
		"k empty":              {oct("a").with("k", `""`), of("key 1 (a): k" + text)},
		"k padded": {oct("a").with("k", `"c2VjcmV0IQ=="`),
			of("key 1 (a): k" + text)},
		"k in the other alphabet": {oct("a").with("k", `"++//"`), of("key 1 (a): k" + text)},
		"k with unused bits": {oct("a").with("k", `"c2VjcmV0IR"`),
			of("key 1 (a): k" + text)},
		"k with a line break": {oct("a").with("k", `"c2Vj\ncmV0"`),
			of("key 1 (a): k" + text)},
		"k as plain text": {oct("a").with("k", `"correct horse battery staple"`),
			of("key 1 (a): k" + text)},
		"k number": {oct("a").with("k", `123456789`), of("key 1 (a): k" + text)},
		"k list": {oct("a").with("k", `["c2VjcmV0IQ"]`),
			of("key 1 (a): k" + text)},
		"x missing": {okp("a").without("x"), of("key 1 (a): x" + missing)},
		"x of 31 bytes": {okp("a").with("x", quoted(encoded(seedOf("a")[:31]))),
			of("key 1 (a): x: must be 32 bytes")},
		"x of 33 bytes": {okp("a").with("x", quoted(encoded(append(seedOf("a"), 0)))),
			of("key 1 (a): x: must be 32 bytes")},
		"x padded": {okp("a").with("x",
			quoted(base64.URLEncoding.EncodeToString(seedOf("a")))), of("key 1 (a): x" + text)},
		"x of another key": {okp("a").with("x",
			quoted(encoded(keys.NewEdDSA("b", seedOf("b"), keys.Plan{}).Public()))), of(fits)},
		"x is d": {okp("a").with("x", quoted(encoded(seedOf("a")))), of(fits)},
		"x of zeros": {okp("a").with("x", quoted(encoded(make([]byte, 32)))),
			of(fits)},
		"x with its sign flipped": {okp("a").with("x",
			quoted(encoded(signFlipped(keys.NewEdDSA("a", seedOf("a"), keys.Plan{}).Public())))),
			of(fits)},
		"d missing: a public key": {okp("a").without("d"), of("key 1 (a): d" + private)},
		"d of 31 bytes": {okp("a").with("d", quoted(encoded(seedOf("a")[:31]))),
			of("key 1 (a): d: must be 32 bytes")},
		"d of 64 bytes": {okp("a").with("d",
			quoted(encoded(append(seedOf("a"), seedOf("b")...)))),
			of("key 1 (a): d: must be 32 bytes")},
		"d in hex": {okp("a").with("d", quoted(hex.EncodeToString(seedOf("a")))),
			of("key 1 (a): d: must be 32 bytes")},
		"d null": {okp("a").with("d", `null`), of("key 1 (a): d" + text)},
		"x and d missing": {okp("a").without("x").without("d"),
			of("key 1 (a): x"+missing, "key 1 (a): d"+private)},
		"crv missing":             {okp("a").without("crv"), of(crv)},
		"crv X25519":              {okp("a").with("crv", `"X25519"`), of(crv)},
		"crv Ed448":               {okp("a").with("crv", `"Ed448"`), of(crv)},
		"crv in lower case":       {okp("a").with("crv", `"ed25519"`), of(crv)},
		"crv object":              {okp("a").with("crv", `{}`), of(crv)},
		"sign_from missing":       {oct("a").without("sign_from"), of(noFrom)},
		"sign_from empty":         {oct("a").with("sign_from", `""`), of(from)},
		"sign_from null":          {oct("a").with("sign_from", `null`), of(from)},
		"sign_from in seconds":    {oct("a").with("sign_from", `1771243200`), of(from)},
		"sign_from true":          {oct("a").with("sign_from", `true`), of(from)},
		"verify_until null":       {oct("a").with("verify_until", `null`), of(until)},
		"verify_until empty":      {oct("a").with("verify_until", `""`), of(until)},
		"verify_until in seconds": {oct("a").with("verify_until", `1771250400`), of(until)},
		"verify_until false":      {oct("a").with("verify_until", `false`), of(until)},
		"verify_until at sign_from": {oct("a").with("verify_until", `"2026-02-16T12:00:00Z"`),
			of(later)},
		"the same, in another zone": {oct("a").with("verify_until", `"2026-02-16T14:00:00+02:00"`),
			of(later)},
		"verify_until before it": {oct("a").with("verify_until",
			`"2026-02-16T11:59:59.999999999Z"`), of(later)},
		"both instants malformed": {oct("a").with("sign_from", `"now"`).with("verify_until",
			`"later"`), of(from, until)},
		"an instant after year 9999": {oct("a").with("sign_from",
			`"9999-12-31T23:59:59-00:01"`).with("verify_until", `"2026-02-16T12:00:00Z"`),
			of(from)},
		"sign_from malformed": {oct("a").with("sign_from", `"now"`).with("verify_until",
			`"2026-02-16T12:00:00Z"`), of(from)},
		"revoked as text":   {oct("a").with("revoked", `"true"`), of(revoked)},
		"revoked as number": {oct("a").with("revoked", `1`), of(revoked)},
		"revoked null":      {oct("a").with("revoked", `null`), of(revoked)},
		"revoked as instant": {oct("a").with("revoked", `"2026-02-16T12:00:00Z"`),
			of(revoked)},
		"revoked mistyped":          {oct("a").with("revokd", `true`), of(unknown + `"revokd" (did you mean revoked?)`)},
		"revoked in another case":   {oct("a").with("Revoked", `true`), of(unknown + `"Revoked" (did you mean revoked?)`)},
		"revoked with a space":      {oct("a").with("revoked ", `true`), of(unknown + `"revoked " (did you mean revoked?)`)},
		"use enc":                   {oct("a").with("use", `"enc"`), of(use)},
		"use empty":                 {oct("a").with("use", `""`), of(use)},
		"use null":                  {oct("a").with("use", `null`), of(use)},
		"use list":                  {oct("a").with("use", `["sig"]`), of(use)},
		"key_ops as text":           {oct("a").with("key_ops", `"sign"`), of(ops)},
		"key_ops of another use":    {oct("a").with("key_ops", `["sign","encrypt"]`), of(ops)},
		"key_ops with a number":     {oct("a").with("key_ops", `["sign",1]`), of(ops)},
		"key_ops with a list":       {oct("a").with("key_ops", `[["sign"]]`), of(ops)},
		"key_ops object":            {oct("a").with("key_ops", `{"sign":true}`), of(ops)},
		"key_ops null":              {oct("a").with("key_ops", `null`), of(ops)},
		"key_ops in another case":   {oct("a").with("key_ops", `["Sign"]`), of(ops)},
		"x5c":                       {okp("a").with("x5c", `["AAAA"]`), of(unknown + `"x5c"` + okps)},
		"ext, as browsers write it": {oct("a").with("ext", `true`), of(unknown + `"ext"` + octs)},
		"exp":                       {oct("a").with("exp", `1771250400`), of(unknown + `"exp"` + octs)},
		"a secret as a member name": {oct("a").with("c2VjcmV0IHNlY3JldCBzZWNyZXQ", `true`),
			of("key 1 (a): has a member that is not known, and whose name may be a secret" + octs)},
		"a line break in a member name": {oct("a").with(`a\n`, `true`),
			of("key 1 (a): has a member that is not known, and whose name may be a secret" + octs)},
		"verify_until mistyped": {oct("a").with("verfiy_until", `true`),
			of(unknown + `"verfiy_until" (did you mean verify_until?)`)},
		"sign_from in camel case": {oct("a").with("signFrom", `true`),
			of(unknown + `"signFrom" (did you mean sign_from?)`)},
		"two unknown members": {oct("a").with("n", `""`).with("e", `""`),
			of(unknown+`"n"`+octs, unknown+`"e"`+octs)},
		"x in oct":                  {oct("a").with("x", `"AAAA"`), of(unknown + `"x"` + octs)},
		"d in oct":                  {oct("a").with("d", `"AAAA"`), of(unknown + `"d"` + octs)},
		"crv in oct":                {oct("a").with("crv", `"Ed25519"`), of(unknown + `"crv"` + octs)},
		"k in OKP":                  {okp("a").with("k", `"AAAA"`), of(unknown + `"k"` + okps)},
		"an escaped unknown member": {oct("a").with(`\u006b1`, `"AAAA"`), of(unknown + `"k1" (did you mean k?)`)},
		"kid twice": {oct("a").also("kid", `"a"`),
			of("key 1 (a): kid: appears twice")},
		"revoked twice": {oct("a").with("revoked", "true").also("revoked", "false"),
			of("key 1 (a): revoked: appears twice")},
		"k twice, once escaped": {oct("a").also(`\u006b`, `"AAAA"`),
			of("key 1 (a): k: appears twice")},
		"sign_from three times": {
			oct("a").also("sign_from", `""`).also("sign_from", `""`),
			of("key 1 (a): sign_from: appears twice", "key 1 (a): sign_from: appears twice"),
		},
		"repeated name in a nested object": {oct("a").with("use", `{"b":1,"b":1}`), of(use)},
		"everything at once, oct": {
			jwk{{"kty", `"oct"`}, {"use", "1"}, {"key_ops", "1"}, {"revoked", "1"}, {"what", "1"}},
			of(
				kid, nameless(noFrom), nameless(revoked), nameless(use), nameless(ops),
				nameless(unknown)+`"what"`+octs, nameless(algOct), "key 1: k"+missing,
			),
		},
		"everything at once, OKP": {
			jwk{{"kty", `"OKP"`}, {"kid", `"a"`}, {"verify_until", "1"}, {"what", "1"}},
			of(noFrom, until, unknown+`"what"`+okps, crv, algOKP, "key 1 (a): x"+missing,
				"key 1 (a): d"+private),
		},
		"nothing": {jwk{}, of(kid, nameless(noFrom), nameless(kty))},
		"an invalid id twice": {oct("a").with("kid", `"not an id"`).also("kid", `"a"`),
			of(kid, "key 1: kid: appears twice")},
		"a private key in PEM as k": {oct("a").with("k",
			`"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----"`),
			of("key 1 (a): k" + text)},
		"the secret in sign_from": {oct("a").with("sign_from", quoted(encoded(secretOf("a")))),
			of(from)},
		"the secret in verify_until": {oct("a").with("verify_until",
			quoted(encoded(secretOf("a")))), of(until)},
		"the secret in use": {oct("a").with("use", quoted(encoded(secretOf("a")))),
			of(use)},
		"the secret in key_ops": {oct("a").with("key_ops",
			`[`+quoted(encoded(secretOf("a")))+`]`), of(ops)},
		"the secret in alg": {oct("a").with("alg", quoted(encoded(secretOf("a")))),
			of(algOct)},
		"the secret in kty": {oct("a").with("kty", quoted(encoded(secretOf("a")))),
			of(kty)},
		"the secret as kid, too long": {oct("a").with("kid",
			quoted(encoded(secretOf("a"))+encoded(secretOf("a")))), of(kid)},
	}
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, faultsOf(t, setOf(c.key)))
			// A valid key next to it changes nothing, and is not put in force.
			valid := oct("valid")
			assert.Equal(t, c.want, faultsOf(t, setOf(c.key, valid)))
		})
	}
}

// signFlipped returns a public key whose x coordinate has the other sign.
func signFlipped(public []byte) []byte {
	public[31] ^= 0x80
	return public
}

func TestParseSetRefusesInvalidSets(t *testing.T) {
	const list = "the set: keys: must be a list of keys"
	const unknownOfSet, known = "the set: has a member that is not known: ", "; known are keys"
	notJSON := func(line, column int) string {
		return fmt.Sprintf("the set: is not JSON (line %d, column %d)", line, column)
	}
	valid := setOf(oct("a"))
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":              {"", []string{notJSON(1, 1) + ": it is empty"}},
		"white space":          {"\n", []string{notJSON(2, 1) + ": it is empty"}},
		"not JSON":             {"OFFLOAD_SESSION_SECRET=hunter2hunter2", []string{notJSON(1, 1)}},
		"a private key in PEM": {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n", []string{notJSON(1, 2)}},
		"truncated":            {valid[:len(valid)-1], []string{notJSON(1, len(valid))}},
		"two sets":             {valid + "\n" + valid, []string{notJSON(2, 1)}},
		"a byte order mark": {"\ufeff" + valid, []string{
			"the set: begins with a byte order mark (BOM): save the file as UTF-8 without one"}},
		"a byte order mark, and more": {"\ufeff" + setOf(oct("a").with("use", `"enc"`)), []string{
			"the set: begins with a byte order mark (BOM): save the file as UTF-8 without one",
			"key 1 (a): use: must be sig"}},
		"UTF-16 with its mark": {"\xff\xfe{\x00}\x00",
			[]string{"the set: is in UTF-16 (little endian): save the file as UTF-8"}},
		"UTF-16": {"\x00{\x00}",
			[]string{"the set: is in UTF-16 (big endian): save the file as UTF-8"}},
		"a trailing comma": {"{\"keys\":[]\n,}", []string{notJSON(2, 2)}},
		"a comment":        {"// keys\n" + valid, []string{notJSON(1, 1)}},
		"invalid UTF-8":    {"{\"keys\":\n \"\xff\"}", []string{notJSON(2, 3)}},
		"a lone surrogate": {`{"keys":"\ud800"}`, []string{notJSON(1, 16)}},
		"trailing NUL":     {valid + "\x00", []string{notJSON(1, len(valid)+1)}},
		"a list":           {`[` + oct("a").json() + `]`, []string{list}},
		"a key without a set": {
			oct("a").json(),
			[]string{`the set: is a single key: put it into a set, as {"keys": [KEY]}`},
		},
		"null":           {`null`, []string{list}},
		"a string":       {`"keys"`, []string{list}},
		"no member":      {`{}`, []string{list}},
		"keys null":      {`{"keys":null}`, []string{list}},
		"keys an object": {`{"keys":` + oct("a").json() + `}`, []string{list}},
		"keys a string":  {`{"keys":"c2VjcmV0IHNlY3JldA"}`, []string{list}},
		"Keys": {strings.Replace(valid, "keys", "Keys", 1),
			[]string{unknownOfSet + `"Keys" (did you mean keys?)`, list}},
		"empty":                   {`{"keys":[]}`, []string{"the set: there is no key"}},
		"empty, with white space": {`{ "keys" : [ ] }`, []string{"the set: there is no key"}},
		"a member next to keys": {`{"keys":[` + oct("a").json() + `],"active":"a"}`,
			[]string{unknownOfSet + `"active"` + known}},
		"a secret as a member name next to keys": {`{"c2VjcmV0IHNlY3JldCBzZWNyZXQ":1,"keys":[]}`,
			[]string{"the set: has a member that is not known, and whose name may be a secret" + known,
				"the set: there is no key"}},
		"keys twice": {`{"keys":[` + oct("a").json() + `],"keys":[]}`,
			[]string{"the set: keys: appears twice"}},
		"keys twice, once escaped": {`{"keys":[` + oct("a").json() + `],"\u006beys":[]}`,
			[]string{"the set: keys: appears twice"}},
		"items that are not objects": {
			`{"keys":[1,"c2VjcmV0IHNlY3JldA",null,true,[{}],` + oct("a").json() + `]}`,
			[]string{"key 1: must be an object", "key 2: must be an object",
				"key 3: must be an object", "key 4: must be an object", "key 5: must be an object"},
		},
		"a list in a list": {`{"keys":[[` + oct("a").json() + `]]}`,
			[]string{"key 1: must be an object"}},
		"an id twice": {setOf(oct("a"), oct("a").with("k", quoted(encoded(secretOf("b"))))),
			[]string{"the set (a): the id a appears twice"}},
		"an id twice, both algorithms": {
			setOf(oct("a"), okp("a")), []string{"the set (a): the id a appears twice"},
		},
		"an id twice, one revoked": {
			setOf(oct("a"), okp("a").with("revoked", "true")),
			[]string{"the set (a): the id a appears twice"},
		},
		"an id twice, once escaped": {
			setOf(oct("a"), oct("b").with("kid", `"\u0061"`)),
			[]string{"the set (a): the id a appears twice"},
		},
		"a key twice": {setOf(oct("a"), oct("a")),
			[]string{"the set (a): the id a appears twice"}},
		"secret shared": {setOf(oct("a"), oct("b").with("k", quoted(encoded(secretOf("a"))))),
			[]string{"the set (b): the keys a and b are the same"}},
		"seed shared": {
			setOf(okp("a"), okp("a").with("kid", `"b"`)),
			[]string{"the set (b): the keys a and b are the same"},
		},
		"seed shared, one expired": {
			setOf(okp("a"), okp("a").with("kid", `"b"`).with("sign_from",
				`"2020-01-01T00:00:00Z"`).with("verify_until", `"2020-01-02T00:00:00Z"`)),
			[]string{"the set (b): the keys a and b are the same"},
		},
		"a seed that is also a secret": {
			setOf(okp("a"), oct("b").with("k", quoted(encoded(seedOf("a"))))),
			[]string{"the set (b): the keys a and b are the same"},
		},
		"a public part that is a secret": {
			setOf(oct("b").with("k", quoted(encoded(keys.NewEdDSA("a", seedOf("a"),
				keys.Plan{}).Public()))), okp("a")),
			[]string{"the set (a): the keys b and a are the same"},
		},
		"faults of keys, and of the set": {
			setOf(oct("a").with("revokd", "true"), oct("a"),
				oct("b").with("k", quoted(encoded(secretOf("a")))).with("use", `"enc"`),
				jwk{{"kid", `"a"`}}),
			[]string{
				"key 1 (a): has a member that is not known: \"revokd\" (did you mean revoked?)",
				"key 3 (b): use: must be sig",
				"key 4 (a): sign_from: is missing: it must be an instant in RFC 3339, as 2026-02-16T12:00:00Z",
				"key 4 (a): kty: must be oct, OKP or EC",
				"the set (a): the id a appears twice", "the set (b): the keys a and b are the same",
			},
		},
		"two keys without an id": {
			setOf(oct("a").without("kid"), okp("a").with("kid", `"not an id"`)),
			[]string{"key 1: kid: must be 1 to 64 of A-Z a-z 0-9 . _ -",
				"key 2: kid: must be 1 to 64 of A-Z a-z 0-9 . _ -"},
		},
		"all keys malformed": {
			setOf(oct("a").without("k"), oct("b").without("k")),
			[]string{"key 1 (a): k: is missing", "key 2 (b): k: is missing"},
		},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, faultsOf(t, c.text)) })
	}
}
