package keys_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/vectors"
)

// faultPattern matches every text that a fault may have; only ids and numbers vary.
var faultPattern = regexp.MustCompile(`^(?:(?:the set|key \d+)(?: \(([A-Za-z0-9._-]{1,64})\))?: ` +
	`(?:keys: |kty: |alg: |kid: |k: |crv: |x: |y: |d: |use: |key_ops: |sign_from: |verify_until: |revoked: )?` +
	`(?:is larger than 1048576 bytes|is not JSON \(line \d+, column \d+\)(?:: it is empty)?|begins with [a-zA-Z0-9() -]+: save the file as UTF-8 without one|` +
	`is in UTF-16 \((?:little|big) endian\): save the file as UTF-8|is a single key: put it into a set, as {"keys": \[KEY\]}|` +
	`is missing(?:: a keyset holds private keys, and is not the set that is published)?|` +
	`has a member that is not known(?:: "[\x20-\x7e]{0,48}"|, and whose name may be a secret)(?: \(did you mean [a-z_]+\?\)|; known are [a-z_ ]+)|appears twice|must be a list of keys|` +
	`there is no key|the id ([A-Za-z0-9._-]{1,64}) appears twice|the keys ([A-Za-z0-9._-]{1,64}) and ([A-Za-z0-9._-]{1,64}) are the same|` +
	`must be an object|must be 1 to 64 of A-Z a-z 0-9 \. _ -|must be oct, OKP or EC|must be HS256 for an oct key|must be Ed25519|must be P-256|must be ES256 for an EC key|is not a private key|` +
	`must be EdDSA for an OKP key|does not fit the private part|must be base64url without padding|must be 32 bytes|` +
	`(?:is missing: it )?must be an instant in RFC 3339, as 2026-02-16T12:00:00Z|must be later than sign_from|must be true or false|must be sig|` +
	`must be a list of sign and verify))$`)

// FuzzParseSet parses arbitrary text. A refusal is reported in fixed words and in ids that are in
// the text; a set that is read is valid, is written again, and is read back the same.
func FuzzParseSet(f *testing.F) {
	for _, group := range vectors.Groups() {
		if group.Keyset != nil {
			f.Add(string(group.Keyset))
		}
	}
	for _, text := range []string{
		"", "{}", `{"keys":[]}`, `{"keys":[{}]}`, `{"keys":[[]]}`, setOf(oct("a")), setOf(okp("a")),
		setOf(oct("a"), okp("b")), setOf(oct("a"), oct("a")),
		setOf(okp("a").with("alg", `"Ed25519"`).with("use", `"sig"`).with("key_ops",
			`["sign"]`).with("verify_until", `"2027-02-16T12:00:00.5+01:00"`)),
		setOf(oct("a").with("revokd", "true").without("k")), setOf(okp("a").with("d", `"AAAA"`)),
		setOf(ec("a")), setOf(ec("a"), okp("a")), setOf(ec("a").with("d", quoted(encoded(make([]byte, 32))))),
		setOf(ec("a").without("y")), setOf(ec("a").with("crv", `"P-384"`)),
		setOf(oct("a").with("sign_from", `"9999-12-31T23:59:59-01:00"`)),
		setOf(oct("a").with("verify_until", `"0001-01-01T00:00:00Z"`)),
		setOf(oct("a").also("kid", `"b"`)), `{"keys":[],"keys":[]}`, "\ufeff{}", "\xff\xfe{",
		oct("a").json(), setOf(okp("a").without("d").without("sign_from")),
		setOf(oct("a").with(`\"a`, "1")), setOf(oct("a").with("\u007f", "1")),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := keys.ParseSet(text)
		if err != nil {
			assert.Nil(t, read)
			var faults keys.SetFaults
			require.ErrorAs(t, err, &faults)
			require.NotEmpty(t, faults)
			ids := idsOf(text)
			for _, fault := range faults {
				words := faultPattern.FindStringSubmatch(fault.String())
				require.NotNil(t, words, "%q", fault.String())
				for _, id := range words[1:] {
					assert.True(t, id == "" || slices.Contains(ids, id),
						"%q is not the id of a key", id)
				}
			}
			return
		}
		written := keys.FormatSet(read)
		again, err := keys.ParseSet(written)
		require.NoError(t, err)
		assert.Equal(t, written, keys.FormatSet(again))
		require.Len(t, again.Keys(), len(read.Keys()))
		for i, key := range read.Keys() {
			assertSameKey(t, key, again.Keys()[i])
			_, ok := keys.ParseID(string(key.ID()))
			assert.True(t, ok)
			assert.NotEmpty(t, key.Secret())
			assert.Less(t, key.Plan().SignFrom.Unix(), int64(253402300800))
			assert.True(t, key.Plan().VerifyUntil.IsZero() ||
				key.Plan().VerifyUntil.After(key.Plan().SignFrom))
		}
		for _, now := range turns(read) {
			public := keys.FormatPublic(read, now)
			assert.True(t, json.Valid([]byte(public)))
			assert.False(t, strings.Contains(public, `"d"`) || strings.Contains(public, `"k"`))
		}
	})
}

// idsOf returns the values of every kid member of a text's keys.
func idsOf(text string) (ids []string) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	_ = json.Unmarshal([]byte(text), &set) // text that is not a set has no ids
	for _, item := range set.Keys {
		decoder := json.NewDecoder(strings.NewReader(string(item)))
		decoder.UseNumber()
		for last := ""; ; {
			part, err := decoder.Token()
			if err != nil {
				break
			}
			word, _ := part.(string)
			if last == "kid" {
				ids = append(ids, word)
			}
			last = word
		}
	}
	return ids
}
