package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
)

const (
	varSecret = "OFFLOAD_SESSION_SECRET"
	varKeys   = "OFFLOAD_SESSION_SIGNING_KEYS"
	varKid    = "OFFLOAD_SESSION_TOKEN_ACTIVE_KID"
	varDigest = "OFFLOAD_LIMITER_DIGEST_KEY"
)

// states returns the state at noon of each key in the keyring, by id.
func states(t *testing.T, review config.Review) map[string]string {
	t.Helper()
	require.NotNil(t, review.Keyring)
	found := map[string]string{}
	for _, key := range review.Keyring.Keys() {
		found[string(key.ID())] = review.Keyring.StateAt(key, noon).String()
	}
	return found
}

func TestSecrets(t *testing.T) {
	const origin = "environment"
	prod := "OFFLOAD_ENVIRONMENT=prod"
	weakness := func(variable string) []finding {
		return []finding{{variable, origin, "(rule: length)"},
			{variable, origin, "(rule: entropy)"}}
	}
	runCases(t, []testCase{
		{"missing in production", env(prod), []finding{{varSecret, "default", "is not set"}}, nil},
		{"missing in development", env(), nil, []finding{unsetSecret}},
		{"strong in production", env(prod, varSecret+"="+strongA), nil, nil},
		{"strong in development", env(varSecret + "=" + strongA), nil, nil},
		{"weak in production", env(prod, varSecret+"="+weak), weakness(varSecret), nil},
		{"weak in development", env(varSecret + "=" + weak), nil, weakness(varSecret)},
		{"a placeholder", env(prod, varSecret+"="+common),
			[]finding{{varSecret, origin, "(rule: placeholder)"},
				{varSecret, origin, "(rule: entropy)"},
				{varSecret, origin, "(rule: chosen)"}}, nil},
		{"wrapped", env(prod, varSecret+`="`+strongA+`"`),
			[]finding{{varSecret, origin, "(rule: wrapped)"}}, nil},
		{"wrapped, in development", env(varSecret + "=" + strongA + "\u200b"), nil,
			[]finding{{varSecret, origin, "(rule: wrapped)"}}},
		{"wrapped signing keys and digest key", env(prod, varDigest+"=KEY="+strongC,
			varKeys+`={"v2-default":"\ufeff`+strongA+`"}`),
			[]finding{{varKeys, origin, "entry 1 (the active key) has quotes, a name"},
				{varDigest, origin, "(rule: wrapped)"}}, nil},
		{"encoded", env(prod, varSecret+"=cGxlYXNlLWNoYW5nZS10aGlzLXNpZ25pbmctc2VjcmV0"),
			[]finding{{varSecret, origin, "(rule: encoded, placeholder)"},
				{varSecret, origin, "(rule: encoded, entropy)"},
				{varSecret, origin, "(rule: encoded, chosen)"}}, nil},
		{"keys that differ in trailing NULs", env(prod,
			varKeys+`={"v2-default":"`+strongA+`","b":"`+strongA+`\u0000"}`),
			[]finding{{varKeys, origin, "the same"}, {varKeys, origin, "(rule: wrapped)"}}, nil},
		{"a digest key with trailing NULs", env(prod, varSecret+"="+strongA,
			varDigest+"="+strongA+"\x00\x00"),
			[]finding{{varDigest, origin, "(rule: wrapped)"},
				{varDigest, origin, "is the same as a signing key"}}, nil},
		{"published", env(prod, varSecret+"="+published),
			[]finding{{varSecret, origin, "(rule: published)"}}, nil},
		{"only white space in production", env(prod, varSecret+"= \t\u2003"),
			[]finding{{varSecret, origin, "is not set"}},
			[]finding{{varSecret, origin, "only white space"}}},
		{"only white space in development", env(varSecret + "= \t\u2003"), nil,
			[]finding{{varSecret, origin, "only white space"}, {varSecret, origin, "is not set"}}},
		{"bad UTF-8", env(varSecret + "=" + strongA + "\xff"),
			[]finding{{varSecret, origin, "is not valid UTF-8"}}, nil},
		{"NUL is text", env(varSecret + "=" + strongA + "\x00"), nil,
			[]finding{{varSecret, origin, "(rule: wrapped)"}}},
		{"weak digest key in production", production(varDigest + "=" + weak), weakness(varDigest),
			nil},
		{"weak digest key in development", env(varSecret+"="+strongA, varDigest+"="+weak), nil,
			weakness(varDigest)},
		{"digest key of white space", env(varSecret+"="+strongA, varDigest+"= "), nil,
			[]finding{{varDigest, origin, "only white space"}}},
		{"digest key in bad UTF-8", env(varSecret+"="+strongA, varDigest+"=\xff"),
			[]finding{{varDigest, origin, "is not valid UTF-8"}}, nil},
		{"digest key that signs", production(varDigest + "= " + strongA + "\n"),
			[]finding{{varDigest, origin, "is the same as a signing key"}}, nil},
		{"digest key that signs in development", env(varSecret+"="+strongA, varDigest+"="+strongA),
			[]finding{{varDigest, origin, "is the same as a signing key"}}, nil},
		{"digest key that verifies", env(varKeys+`={"v2-default":"`+strongA+`","old":"`+strongB+
			`"}`, varDigest+"="+strongB), []finding{{varDigest, origin,
			"is the same as a signing key"}}, nil},
		{"digest key that verifies in a set with faults",
			env(varKeys+`={"a b":"`+strongB+`"}`, varDigest+"="+strongB), []finding{
				{varKid, "default", "names none"}, {varKeys, origin, "entry 1 has an id"},
				{varDigest, origin, "is the same as a signing key"},
			}, nil},
		{"digest key equal to an unused secret",
			env(varKeys+`={"v2-default":"`+strongA+`"}`, varSecret+"="+strongB,
				varDigest+"="+strongB), nil, nil},
	})
	t.Run("random keys differ in each process", func(t *testing.T) {
		calls := byte(0)
		sources := config.Sources{Random: func(n int) []byte {
			calls++
			material := make([]byte, n)
			material[0] = calls
			return material
		}}
		first, second := config.Load(sources), config.Load(sources)
		assert.Len(t, first.Keyring.Keys()[0].Secret(), 32)
		assert.Len(t, first.Config.DigestKey.Bytes(), 32)
		assert.NotEqual(t, first.Keyring.Keys()[0].Secret(), first.Config.DigestKey.Bytes())
		assert.NotEqual(t, first.Keyring.Keys()[0].Secret(), second.Keyring.Keys()[0].Secret())
		assert.NotEqual(t, first.Config.DigestKey.Bytes(), second.Config.DigestKey.Bytes())
	})
}

func TestSigningKeys(t *testing.T) {
	const origin = "environment"
	keysOf := func(text string) input { return env(varKeys + "=" + text) }
	none := finding{varKid, "default", "names none of the signing keys"}
	entry := func(problem string) finding { return finding{varKeys, origin, problem} }
	pair := func(id, secret string) string { return `"` + id + `":"` + secret + `"` }
	active := pair("v2-default", strongA)
	runCases(t, []testCase{
		{"not an object", keysOf(`[` + `"` + strongA + `"]`),
			[]finding{entry("is not a JSON object")},
			nil},
		{"not JSON", keysOf(strongA), []finding{entry("is not JSON in valid UTF-8 (line 1, column 1)")},
			nil},
		{"truncated", keysOf(`{` + active), []finding{entry("(line 1, column 60)")}, nil},
		{"bad UTF-8", keysOf(`{` + active + "\xff}"), []finding{entry("(line 1, column 60)")}, nil},
		{"white space", keysOf(" "), nil, []finding{unsetSecret,
			{varKeys, origin, "only white space"}}},
		{"duplicate id", keysOf(`{` + active + `,` + pair("v2-default", strongB) + `}`),
			[]finding{entry("entry 2 has the same id as entry 1")}, nil},
		{"duplicate id after trimming",
			keysOf(`{` + active + `,` + pair(" v2-default\\t", strongB) + `}`),
			[]finding{entry("entry 2 has the same id as entry 1")}, nil},
		{"one secret under two ids", keysOf(`{` + active + `,` + pair("b", " "+strongA) + `}`),
			[]finding{entry("entry 2 has the same secret as entry 1")}, nil},
		{"values of other types", keysOf(`{` + active + `,"b":1,"c":null,"d":["` + strongB + `"]}`),
			[]finding{
				entry("entry 2 has a value that is not text"),
				entry("entry 3 has a value that is not text"),
				entry("entry 4 has a value that is not text"),
			}, nil},
		{"empty secrets", keysOf(`{` + active + `,"b":"","c":" "}`),
			[]finding{entry("entry 2 has an empty secret"), entry("entry 3 has an empty secret")},
			nil},
		{"bad ids", keysOf(`{` + active + `,` + pair("", strongB) + `,` + pair("é", strongC) + `}`),
			[]finding{entry("entry 2 has an id"), entry("entry 3 has an id")}, nil},
		{"no active key", keysOf(`{` + pair("a", strongA) + `}`), []finding{none}, nil},
		{"secret and id swapped", keysOf(`{` + pair(strongA, "v2-default") + `}`),
			[]finding{none}, []finding{
				entry("entry 1 is not 32"), entry("entry 1 has fewer than 112 bits"),
			}},
		{"invalid active id too", env(varKid+"=:", varKeys+`={`+pair("a", strongA)+`}`),
			[]finding{{varKid, origin, "is not a valid key id"}}, nil},
		{"weak in development", keysOf(`{` + pair("v2-default", weak) + `,` + pair("b", strongB) +
			`}`), nil, []finding{
			entry("entry 1 (the active key) is not 32 to 1024"),
			entry("entry 1 (the active key) has fewer than 112 bits"),
		}},
		{"weak in production, though it only verifies",
			env("OFFLOAD_ENVIRONMENT=prod", varKeys+`={`+active+`,`+pair("b", published)+`}`),
			[]finding{entry("entry 2 is publicly known")}, nil},
		{"all faults at once", env("OFFLOAD_ENVIRONMENT=prod",
			varKeys+`={"":"`+weak+`","b":"","c":"`+strongB+`","d":"`+strongB+`"}`), []finding{
			none, entry("entry 1 has an id"), entry("entry 2 has an empty secret"),
			entry("entry 4 has the same secret as entry 3"),
			entry("entry 1 is not 32 to 1024"), entry("entry 1 has fewer than 112 bits"),
		}, nil},
		{"valid", env("OFFLOAD_ENVIRONMENT=prod", varKeys+`={`+active+`}`), nil, nil},
	})
	for name, in := range map[string]struct {
		environ []string
		yaml    string
	}{
		"JSON": {environ: []string{varKeys + `= {"z":" ` + strongB + `\n", " active ":"` +
			strongA + `"} `}},
		"YAML text": {yaml: `session_signing_keys: '{"z":"` + strongB + `","active":"` +
			strongA + `"}'`},
		"YAML mapping": {yaml: "session_signing_keys:\n  z: ' " + strongB + "'\n  active: " +
			strongA},
	} {
		t.Run(name, func(t *testing.T) {
			tempDir(t)
			in.environ = append(in.environ, varKid+"=active")
			review := load(t, input{environ: in.environ, yaml: in.yaml})
			assertFindings(t, nil, review.Faults)
			assertFindings(t, nil, review.Warnings)
			assert.Equal(t, map[string]string{"z": "verifying", "active": "signing"},
				states(t, review))
			key, ok := review.Keyring.VerifierAt(keys.ID("z"), time.Unix(1, 0))
			assert.True(t, ok)
			assert.Equal(t, []byte(strongB), key.Secret())
		})
	}
	t.Run("YAML mapping with values that are not text", func(t *testing.T) {
		tempDir(t)
		review := load(t, inYAML("session_signing_keys: {v2-default: "+strongA+
			", b: [x], c: ~, d: 31415926535897932384626433832795028841971}"))
		assertFindings(t, []finding{
			{varKeys, "file session.yaml", "entry 2 has a value that is not text"},
			{varKeys, "file session.yaml", "entry 3 has an empty secret"},
		}, review.Faults)
	})
	t.Run("none", func(t *testing.T) {
		tempDir(t)
		for _, in := range []input{env(varKeys + "={}"), env(varKeys + "= { }\n"),
			env(varKeys + "=null"), inYAML("session_signing_keys: {}")} {
			review := load(t, in)
			assertFindings(t, nil, review.Faults)
			assertFindings(t, []finding{unsetSecret}, review.Warnings)
			assert.Equal(t, "[not set]", setting(t, review, varKeys).Value)
		}
	})
	t.Run("the active id names none of them", func(t *testing.T) {
		faults := load(t, env(varKeys+`={"b":"`+strongA+`","c":"`+strongB+`","`+strongC+`":"x"}`,
			"OFFLOAD_SESSION_TOKEN_ACTIVE_KID=a")).Faults
		assertFindings(t, []finding{{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "environment",
			`names none of the signing keys: "a"`}}, faults)
		assert.Equal(t, "use the id of the key that should sign: b or c", faults[0].Remedy)
	})
}

// TestNotes has a secret beside other keys, as the Python backend needs it. It is not judged.
func TestNotes(t *testing.T) {
	const prod = "OFFLOAD_ENVIRONMENT=prod"
	tempDir(t)
	write(t, keysetName, setOf(hs256("k", strongA, signsFrom)), 0o600)
	for used, in := range map[string]input{
		varKeys:   env(prod, varKeys+`={"v2-default":"`+strongA+`"}`, varSecret+"="+weak),
		varKeyset: withKeyset(prod, varSecret+"="+weak, varKeys+"={}"),
	} {
		review := load(t, in)
		assertFindings(t, nil, review.Faults)
		assertFindings(t, nil, review.Warnings)
		require.Len(t, review.Notes, 1)
		assert.Equal(t, config.Note{Variable: varSecret, Origin: "environment",
			Problem: "is set but not used: " + used + " takes precedence",
			Remedy:  "remove it, unless another service needs it"}, review.Notes[0])
	}
	assert.Empty(t, load(t, withKeyset(prod)).Notes)
}
