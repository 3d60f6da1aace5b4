package keys_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
)

func TestFormatSetByteForByte(t *testing.T) {
	keyring := newKeyring(t,
		keys.NewEdDSA("ed", seedOf("ed"), keys.Plan{SignFrom: noon.Add(time.Second / 2),
			VerifyUntil: noon.Add(time.Hour), Revoked: true}),
		keys.NewHS256("hs", secretOf("hs"), keys.Plan{SignFrom: noon.In(time.FixedZone("", 3600))}),
	)
	assert.Equal(t, `{"keys":[
{"kty":"oct","alg":"HS256","use":"sig","kid":"hs","k":"`+encoded(secretOf("hs"))+`","sign_from":"2026-02-16T12:00:00Z"},
{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"ed","x":"`+encoded(keyring.Keys()[1].Public())+`","d":"`+encoded(seedOf("ed"))+
		`","sign_from":"2026-02-16T12:00:00.5Z","verify_until":"2026-02-16T13:00:00Z","revoked":true}
]}
`, keys.FormatSet(keyring))
}

func TestFormatSigningKeys(t *testing.T) {
	hs := func(id keys.ID, text string, plan keys.Plan) keys.Key {
		return keys.NewHS256(id, []byte(text), plan)
	}
	all := newKeyring(t, hs("verifying", "one", from(-2)), hs("signing", `t"w\\o é`, from(-1)),
		hs("pending", "three\n\x7f!", from(1)), hs("expired", "four ", until(-9, 0)),
		hs("revoked", "\xff", revoked(from(-3))), pair("ed", from(-4)))
	text, err := keys.FormatSigningKeys(all, noon)
	require.NoError(t, err)
	var read map[string]string
	require.NoError(t, json.Unmarshal([]byte(text), &read))
	assert.Equal(t, map[string]string{"verifying": "one", "signing": `t"w\\o é`,
		"pending": "three\n\x7f!"}, read)
	assert.NotContains(t, text, "\n")

	for name, key := range map[string]keys.Key{
		"not UTF-8":        hs("bad", "\xff", from(0)),
		"a space at start": hs("bad", "\u2003secret", from(0)),
		"a break at end":   hs("bad", "secret\n", from(1)),
	} {
		_, err := keys.FormatSigningKeys(newKeyring(t, hs("good", "one", from(0)), key), noon)
		assert.Equal(t, &keys.UnexportableError{ID: "bad"}, err, name)
	}
	_, err = keys.FormatSigningKeys(newKeyring(t, pair("ed", from(0)), hs("x", "x", until(-2, -1))),
		noon)
	assert.Equal(t, &keys.UnexportableError{}, err)
}

func TestFormatPublicByteForByte(t *testing.T) {
	pending := keys.NewEdDSA("pending", seedOf("pending"), keys.Plan{SignFrom: noon.Add(time.Hour)})
	signs := keys.NewEdDSA("signs", seedOf("signs"),
		keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(time.Hour)})
	keyring := newKeyring(t, pending, signs,
		keys.NewEdDSA("revoked", seedOf("revoked"), keys.Plan{SignFrom: noon, Revoked: true}),
		keys.NewHS256("hs", secretOf("hs"), keys.Plan{SignFrom: noon}),
	)
	entry := func(key keys.Key) string {
		return `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"` + string(key.ID()) +
			`","x":"` + encoded(key.Public()) + `"}`
	}
	for name, c := range map[string]struct {
		now  time.Time
		want string
	}{
		"both": {noon, entry(signs) + "," + entry(pending)},
		"long before": {noon.Add(-1000 * time.Hour),
			entry(signs) + "," + entry(pending)},
		"a nanosecond before an end": {noon.Add(time.Hour - 1),
			entry(signs) + "," + entry(pending)},
		"at an end": {noon.Add(time.Hour), entry(pending)},
	} {
		assert.Equal(t, `{"keys":[`+c.want+`]}`, keys.FormatPublic(keyring, c.now), name)
	}
	assert.Equal(t, `{"keys":[]}`, keys.FormatPublic(newKeyring(t,
		keys.NewHS256("hs", secretOf("hs"), keys.Plan{})), noon), "no key is published")
}

// drawKeyring draws a keyring of both algorithms, whose instants lie close together and may have a
// fraction.
func drawKeyring(t *rapid.T) *keys.Keyring {
	var all []keys.Key
	for i := range rapid.IntRange(1, 6).Draw(t, "keys") {
		plan := keys.Plan{SignFrom: noon.Add(drawOffset(t, "sign from")),
			Revoked: rapid.IntRange(0, 5).Draw(t, "revoked") == 0}
		if rapid.Bool().Draw(t, "ends") {
			plan.VerifyUntil = plan.SignFrom.Add(1 +
				time.Duration(rapid.IntRange(0, 4_000_000_000).Draw(t, "life")))
		}
		id := keys.ID(fmt.Sprintf("%s%d", rapid.StringMatching(`[A-Za-z0-9._-]{0,8}`).Draw(t, "id"),
			i))
		algorithm := rapid.SampledFrom(keys.Algorithms()).Draw(t, "algorithm")
		if algorithm == keys.HS256 {
			secret := append(rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "secret"), byte(i+1))
			all = append(all, keys.NewHS256(id, secret, plan))
			continue
		}
		seed := rapid.SliceOfN(rapid.Byte(), keys.SeedSize, keys.SeedSize).Draw(t, "seed")
		seed[0] = byte(i)
		key := keys.Generate(algorithm, id, func(int) []byte {
			seed[31]++ // a scalar of P-256 may need a second try
			return slices.Clone(seed)
		})
		all = append(all, key.WithPlan(plan))
	}
	keyring, err := keys.NewKeyring(all...)
	if err != nil {
		t.Fatal(err) // no two ids or materials are equal: each has its index in it
	}
	return keyring
}

// TestFormatSetRoundTrips checks that a set that is written can be read, yields the same keys, and
// is written again byte for byte.
func TestFormatSetRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keyring := drawKeyring(t)
		text := keys.FormatSet(keyring)
		read, err := keys.ParseSet(text)
		if err != nil {
			t.Fatal(err)
		}
		if again := keys.FormatSet(read); again != text {
			t.Fatalf("written differently:\n%s\n%s", text, again)
		}
		if len(read.Keys()) != len(keyring.Keys()) {
			t.Fatalf("read %d keys, want %d", len(read.Keys()), len(keyring.Keys()))
		}
		for i, want := range keyring.Keys() {
			got := read.Keys()[i]
			if got.ID() != want.ID() || got.Algorithm() != want.Algorithm() ||
				string(got.Secret()) != string(want.Secret()) ||
				string(got.Public()) != string(want.Public()) || got.Plan() != want.Plan() {
				t.Fatalf("%v became %v", want, got)
			}
		}
	})
}

// TestKeyringsOfSameTextAgree checks that replicas with the same file do the same at every instant.
func TestKeyringsOfSameTextAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := keys.FormatSet(drawKeyring(t))
		one, err := keys.ParseSet(text)
		if err != nil {
			t.Fatal(err)
		}
		other, err := keys.ParseSet(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range turns(one) {
			a, aSigns := one.SignerAt(now)
			b, bSigns := other.SignerAt(now.In(time.FixedZone("", 7200)))
			if aSigns != bSigns || a.ID() != b.ID() {
				t.Fatalf("%v and %v sign at %v", a, b, now)
			}
			for i, key := range one.Keys() {
				twin := other.Keys()[i]
				_, aVerifies := one.VerifierAt(key.ID(), now)
				_, bVerifies := other.VerifierAt(twin.ID(), now)
				if one.StateAt(key, now) != other.StateAt(twin, now) || aVerifies != bVerifies {
					t.Fatalf("%v is %v and %v at %v", key, one.StateAt(key, now),
						other.StateAt(twin, now), now)
				}
				if aSigns && bVerifies && key.ID() == a.ID() &&
					!twin.Verify([]byte("text"), a.Sign([]byte("text"))) {
					t.Fatalf("%v signs what %v does not verify", a, twin)
				}
			}
			if keys.FormatPublic(one, now) != keys.FormatPublic(other, now) {
				t.Fatalf("the public sets differ at %v", now)
			}
		}
	})
}

// turns returns the instants at which something changes in a keyring, and the instants next to
// them.
func turns(r *keys.Keyring) []time.Time {
	instants := []time.Time{noon}
	for _, key := range r.Keys() {
		for _, at := range []time.Time{key.Plan().SignFrom, key.Plan().VerifyUntil} {
			if !at.IsZero() {
				instants = append(instants, at.Add(-1), at, at.Add(1))
			}
		}
	}
	return instants
}

// TestFormatPublicHoldsNoSecret searches the published set at every turn for every secret, in every
// form that it could have.
func TestFormatPublicHoldsNoSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keyring := drawKeyring(t)
		for _, now := range turns(keyring) {
			public := keys.FormatPublic(keyring, now)
			for _, member := range []string{`"d"`, `"k"`, `"oct"`, "HS256", "sign_from",
				"verify_until", "revoked"} {
				if strings.Contains(public, member) {
					t.Fatalf("%s is in %s", member, public)
				}
			}
			for _, key := range keyring.Keys() {
				state := keyring.StateAt(key, now)
				shown := strings.Contains(public, `"kid":"`+string(key.ID())+`"`)
				if want := key.Algorithm() != keys.HS256 && state != keys.Expired &&
					state != keys.Revoked; shown != want {
					t.Fatalf("%v is %v, published: %v", key, state, shown)
				}
				if secret := key.Secret(); len(secret) >= 8 {
					for _, form := range encodingsOf(secret) {
						if strings.Contains(public, form) {
							t.Fatalf("the secret of %v is in %s", key, public)
						}
					}
				}
			}
		}
	})
}

// encodingsOf returns data in every form in which it could be written, without the ends that depend
// on the surrounding bytes.
func encodingsOf(data []byte) []string {
	forms := []string{string(data), hex.EncodeToString(data),
		strings.ToUpper(hex.EncodeToString(data)), strings.Trim(fmt.Sprintf("%d", data), "[]")}
	for skip := range 3 { // wherever it begins within a larger text
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			forms = append(forms, encoding.EncodeToString(data[skip:skip+(len(data)-skip)/3*3]))
		}
	}
	return forms
}

// TestEncodingsOfFindsSecrets checks the search itself against texts that contain a secret.
func TestEncodingsOfFindsSecrets(t *testing.T) {
	secret := secretOf("a")
	for _, text := range []string{
		string(secret), "x" + hex.EncodeToString(secret),
		strings.ToUpper(hex.EncodeToString(secret)), fmt.Sprintf("%d", secret),
		keys.FormatSet(newKeyring(t, keys.NewHS256("a", secret, keys.Plan{SignFrom: noon}))),
		base64.StdEncoding.EncodeToString(append([]byte("x"), secret...)),
		base64.RawURLEncoding.EncodeToString(append([]byte("xy"), secret...)),
	} {
		found := false
		for _, form := range encodingsOf(secret) {
			found = found || strings.Contains(text, form)
		}
		require.True(t, found, text)
	}
}
