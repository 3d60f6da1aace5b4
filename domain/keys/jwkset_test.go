package keys_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

func TestParseSetReadsValidKeys(t *testing.T) {
	plain := keys.Plan{SignFrom: noon}
	hs, ed := keys.NewHS256("a", secretOf("a"), plain), keys.NewEdDSA("a", seedOf("a"), plain)
	for name, c := range map[string]struct {
		text string
		want keys.Key
	}{
		"oct":                    {setOf(oct("a")), hs},
		"OKP":                    {setOf(okp("a")), ed},
		"alg by RFC 9864's name": {setOf(okp("a").with("alg", `"Ed25519"`)), ed},
		"use":                    {setOf(oct("a").with("use", `"sig"`)), hs},
		"use, OKP":               {setOf(okp("a").with("use", `"sig"`)), ed},
		"key_ops":                {setOf(okp("a").with("key_ops", `["sign","verify"]`)), ed},
		"key_ops, other order":   {setOf(oct("a").with("key_ops", `[ "verify" , "sign" ]`)), hs},
		"key_ops, one operation": {setOf(oct("a").with("key_ops", `["sign"]`)), hs},
		"not revoked":            {setOf(oct("a").with("revoked", "false")), hs},
		"revoked": {setOf(oct("a").with("revoked", "true")),
			hs.WithPlan(keys.Plan{SignFrom: noon, Revoked: true})},
		"with an end": {setOf(oct("a").with("verify_until",
			`"2026-02-16T12:00:00.000000001Z"`)),
			hs.WithPlan(keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(1)})},
		"every member": {
			setOf(okp("a").with("use", `"sig"`).with("key_ops", `["sign"]`).with("verify_until",
				`"2026-02-16T13:00:00Z"`).with("revoked", "true")),
			ed.WithPlan(keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(time.Hour), Revoked: true}),
		},
		"members in reverse order": {setOf(reversed(okp("a"))), ed},
		"escaped names": {strings.NewReplacer(`"kid"`, `"\u006bid"`, `"keys"`,
			`"key\u0073"`).Replace(setOf(oct("a"))), hs},
		"escaped values": {strings.ReplaceAll(setOf(oct("a")), `"oct"`, `"o\u0063t"`), hs},
		"white space": {
			" \r\n\t{ \"keys\" :\n[ { \"kty\" : \"oct\"\t,\r\n\"alg\":\"HS256\" , \"kid\":\"a\", \"sign_from\" :\n\"2026-02-16T12:00:00Z\" , \"k\" : " +
				quoted(encoded(secretOf("a"))) + " } ] }\n",
			hs,
		},
		"a secret of one byte": {setOf(oct("a").with("k", `"AA"`)),
			keys.NewHS256("a", []byte{0}, plain)},
		"a secret with white space": {setOf(oct("a").with("k",
			quoted(encoded([]byte(" \x00\xff\n"))))),
			keys.NewHS256("a", []byte(" \x00\xff\n"), plain)},
		"an id of 64 characters": {setOf(oct("a").with("kid", quoted(strings.Repeat("k", 64)))),
			keys.NewHS256(keys.ID(strings.Repeat("k", 64)), secretOf("a"), plain)},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := keys.ParseSet(c.text)
			require.NoError(t, err)
			require.Len(t, read.Keys(), 1)
			assertSameKey(t, c.want, read.Keys()[0])
		})
	}
}

func reversed(k jwk) jwk {
	turned := slices.Clone(k)
	slices.Reverse(turned)
	return turned
}

func assertSameKey(t testing.TB, want, got keys.Key) {
	t.Helper()
	assert.Equal(t, want.ID(), got.ID())
	assert.Equal(t, want.Algorithm(), got.Algorithm())
	assert.Equal(t, want.Secret(), got.Secret())
	assert.Equal(t, want.Public(), got.Public())
	assert.True(t, want.Plan().SignFrom.Equal(got.Plan().SignFrom), "%s", got.Plan().SignFrom)
	assert.True(t, want.Plan().VerifyUntil.Equal(got.Plan().VerifyUntil), "%s",
		got.Plan().VerifyUntil)
	assert.Equal(t, want.Plan().Revoked, got.Plan().Revoked)
	message := []byte("message")
	assert.True(t, want.Verify(message, got.Sign(message)))
}

// faultsOf parses a set that must be refused, checks that no error shows its contents, and returns
// the texts of the faults.
func faultsOf(t testing.TB, text string) []string {
	t.Helper()
	read, err := keys.ParseSet(text)
	require.Nil(t, read, "no keyring is returned")
	var faults keys.SetFaults
	require.ErrorAs(t, err, &faults)
	require.NotEmpty(t, faults)
	var words []string
	for _, fault := range faults {
		words = append(words, fault.String())
	}
	assert.Equal(t, "keyset: "+strings.Join(words, "; "), err.Error())
	assertNothingLeaks(t, text, err.Error())
	return words
}

// fixedWords are texts that messages contain on their own account.
var fixedWords = []string{"2026-02-16T12:00:00Z", "Ed25519", "EdDSA", "verify", "HS256", "oct",
	"OKP", "sig", "sign"}

// assertNothingLeaks checks that no string of the input, apart from a valid id, is in a message:
// neither as it is nor in base64, in hex or decoded. The names of unknown members must not be there
// either, unless they are short.
func assertNothingLeaks(t testing.TB, text, message string) {
	t.Helper()
	var document any
	if json.Unmarshal([]byte(text), &document) != nil {
		document = text
	}
	message = shortName.ReplaceAllString(message, "")
	for _, value := range stringsOf(document) {
		if _, isID := keys.ParseID(value); isID && len(value) < 16 ||
			slices.Contains(fixedWords, value) || slices.Contains(memberNames, value) ||
			len(value) < 4 {
			continue
		}
		forms := []string{value}
		if decoded, err := base64.RawURLEncoding.DecodeString(value); err == nil {
			forms = append(forms, string(decoded))
		}
		for _, form := range forms {
			for _, shown := range []string{
				form, base64.StdEncoding.EncodeToString([]byte(form)),
				base64.RawURLEncoding.EncodeToString([]byte(form)),
				hex.EncodeToString([]byte(form)), strings.ToUpper(hex.EncodeToString([]byte(form))),
			} {
				assert.NotContains(t, message, shown)
			}
		}
	}
}

// shortName matches the name of an unknown member, as far as it is shown.
var shortName = regexp.MustCompile(`not known: "(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){0,24}"`)

var memberNames = []string{"keys", "kty", "alg", "kid", "k", "crv", "x", "d", "use", "key_ops",
	"sign_from", "verify_until", "revoked"}

// stringsOf returns every string at every level, including names.
func stringsOf(document any) (found []string) {
	switch value := document.(type) {
	case string:
		return []string{value}
	case []any:
		for _, item := range value {
			found = append(found, stringsOf(item)...)
		}
	case map[string]any:
		for name, item := range value {
			found = append(append(found, name), stringsOf(item)...)
		}
	}
	return found
}

func TestParseSetInstants(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-02-16T12:00:00Z":            noon,
		"2026-02-16T12:00:00+00:00":       noon,
		"2026-02-16T12:00:00-00:00":       noon,
		"2026-02-16t12:00:00z":            noon,
		"2026-02-16t14:00:00+02:00":       noon,
		"2016-12-31T23:59:60Z":            time.Date(2016, 12, 31, 23, 59, 59, 0, time.UTC),
		"2016-12-31t23:59:60.25z":         time.Date(2016, 12, 31, 23, 59, 59, 250000000, time.UTC),
		"1990-12-31T15:59:60-08:00":       time.Date(1990, 12, 31, 23, 59, 59, 0, time.UTC),
		"2026-02-16T14:30:00+02:30":       noon,
		"2026-02-15T12:01:00-23:59":       noon,
		"2026-02-16T12:00:00.0Z":          noon,
		"2026-02-16T12:00:00.5Z":          noon.Add(time.Second / 2),
		"2026-02-16T12:00:00.000000001Z":  noon.Add(1),
		"2026-02-16T12:00:00.0000000019Z": noon.Add(1),
		"2024-02-29T00:00:00Z":            time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
		"0001-01-01T00:00:00.000000001Z":  time.Time{}.Add(1),
		"9999-12-31T23:59:59.999999999Z": time.Date(9999, 12, 31, 23, 59, 59, 999999999,
			time.UTC),
		"9999-12-31T23:59:59+00:01":           time.Date(9999, 12, 31, 23, 58, 59, 0, time.UTC),
		"0001-01-01T00:00:00-00:01":           time.Date(1, 1, 1, 0, 1, 0, 0, time.UTC),
		"0001-01-01T00:00:00Z":                {}, // the zero time is not an instant
		"0000-12-31T23:59:59Z":                {},
		"0001-01-01T00:00:00+00:01":           {}, // before year 1 in UTC
		"9999-12-31T23:59:59-00:01":           {}, // after year 9999 in UTC
		"10000-01-01T00:00:00Z":               {},
		"2026-02-16":                          {},
		"2026-02-16T12:00Z":                   {},
		"2026-02-16T12:00:00":                 {},
		"2026-02-16 12:00:00Z":                {},
		"2026-02-16T12:00:00 Z":               {},
		" 2026-02-16T12:00:00Z":               {},
		"2026-02-16T12:00:00Z ":               {},
		"2026-02-16T1:00:00Z":                 {},
		"2026-2-16T12:00:00Z":                 {},
		"26-02-16T12:00:00Z":                  {},
		"2026-02-16T12:00:00,5Z":              {},
		"2026-02-16T12:00:00.Z":               {},
		"2026-02-16T12:00:00+0000":            {},
		"2026-02-16T12:00:00+00":              {},
		"2026-02-16T12:00:00+24:00":           {},
		"2026-02-16T12:00:00+00:60":           {},
		"2026-02-16T24:00:00Z":                {},
		"2026-02-16T12:60:00Z":                {},
		"2026-02-16T12:00:60Z":                {},
		"2026-02-16T23:59:60Z":                {},
		"2016-12-31T23:59:60-08:00":           {},
		"2016-12-31T23:59:61Z":                {},
		"2026-02-30T12:00:00Z":                {},
		"2025-02-29T12:00:00Z":                {},
		"2026-13-01T12:00:00Z":                {},
		"2026-00-01T12:00:00Z":                {},
		"2026-02-16T12:00:00UTC":              {},
		"Mon, 16 Feb 2026 12:00:00 GMT":       {},
		"1771243200":                          {},
		"now":                                 {},
		"\uff12026-02-16T12:00:00Z":           {},
		"2026-02-16T12:00:00Z\\u0000":         {},
		"2026-02-16T12:00:00Z2026":            {},
		"+2026-02-16T12:00:00Z":               {},
		"-2026-02-16T12:00:00Z":               {},
		"2026-W08-1T12:00:00Z":                {},
		strings.Repeat("2026-02-16T", 10_000): {},
	} {
		t.Run(text[:min(len(text), 40)], func(t *testing.T) {
			read, err := keys.ParseSet(setOf(oct("a").with("sign_from", quoted(text))))
			if want.IsZero() {
				require.EqualError(t, err,
					"keyset: key 1 (a): sign_from: must be an instant in RFC 3339, as 2026-02-16T12:00:00Z")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want, read.Keys()[0].Plan().SignFrom, "in UTC")
			again, err := keys.ParseSet(keys.FormatSet(read))
			require.NoError(t, err)
			assert.Equal(t, want, again.Keys()[0].Plan().SignFrom)
		})
	}
}

// TestParseSetBoundsHostileInput checks that, however large, deep or wrong a text is, it is refused
// with a short message.
func TestParseSetBoundsHostileInput(t *testing.T) {
	valid := setOf(oct("a"))
	filled := valid + strings.Repeat(" ", keys.MaxSetBytes-len(valid))
	_, err := keys.ParseSet(filled)
	require.NoError(t, err, "MaxSetBytes is allowed")
	many := func(item string) string {
		n := (keys.MaxSetBytes-32)/(len(item)+1) - 1
		return `{"keys":[` + strings.Repeat(item+",", n) + item + `]}`
	}
	const tooMany = "keyset: the set: keys: must be a list of at most 256 keys"
	for name, c := range map[string]struct{ text, begin string }{
		"one byte too many": {filled + " ", "keyset: the set: is larger than 1048576 bytes"},
		"deep lists": {strings.Repeat("[", keys.MaxSetBytes),
			"keyset: the set: is not JSON"},
		"deep objects": {strings.Repeat(`{"keys":`, keys.MaxSetBytes/8),
			"keyset: the set: is not JSON"},
		"deep in a key": {`{"keys":[{"kid":` + strings.Repeat("[", 62) +
			strings.Repeat("]", 62) + `}]}`, "keyset: the set: is not JSON"},
		"deepest allowed in a key": {`{"keys":[{"kid":` + strings.Repeat("[", 61) +
			strings.Repeat("]", 61) + `}]}`, "keyset: key 1: kid: "},
		"many numbers":     {many("0"), tooMany},
		"many empty keys":  {many("{}"), tooMany},
		"many texts":       {many(`"c2VjcmV0IHNlY3JldA"`), tooMany},
		"many equal keys":  {many(oct("a").json()), tooMany},
		"one key too many": {`{"keys":[` + strings.Repeat("0,", keys.MaxKeys) + `0]}`, tooMany},
		"maximum number of keys": {`{"keys":[` + strings.Repeat("0,", keys.MaxKeys-1) + `0]}`,
			"keyset: key 1: must be an object; key 2: "},
		"many unknown members": {`{` + strings.Repeat(`"a":0,`, 100_000) + `"b":0}`,
			"keyset: the set: has a member that is not known: \"a\"; known are keys; the set: "},
		"many key_ops": {setOf(oct("a").with("key_ops",
			"["+strings.Repeat(`"sign",`, 100_000)+`1]`)), "keyset: key 1 (a): key_ops: "},
		"a long id": {setOf(oct("a").with("kid",
			quoted(strings.Repeat("a", 1_000_000)))), "keyset: key 1: kid: "},
		"a long malformed secret": {
			setOf(oct("a").with("k", quoted(strings.Repeat("a", 1_000_001)))),
			"keyset: key 1 (a): k: ",
		},
		"a long instant": {setOf(oct("a").with("sign_from",
			quoted(strings.Repeat("1", 1_000_000)))), "keyset: key 1 (a): sign_from: "},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := keys.ParseSet(c.text)
			require.Error(t, err)
			assert.Nil(t, read)
			assert.True(t, strings.HasPrefix(err.Error(), c.begin), "%.200s", err)
			assert.Less(t, len(err.Error()), 16_000)
		})
	}
	_, err = keys.ParseSet(`{"keys":[` + strings.Repeat("0,", 149) + `0]}`)
	var faults keys.SetFaults
	require.ErrorAs(t, err, &faults)
	assert.Len(t, faults, 150, "every fault is listed")
	assert.True(t, strings.HasSuffix(err.Error(), "; key 100: must be an object; 50 more"),
		"the text lists a hundred")
}
