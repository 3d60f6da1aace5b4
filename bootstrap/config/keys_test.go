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

// states are the keys of a ring by id, with what they do at noon.
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
	weakness := func(variable string) []told {
		return []told{{variable, origin, "(rule: length)"}, {variable, origin, "(rule: entropy)"}}
	}
	judge(t, []judged{
		{"missing in production", env(prod), []told{{varSecret, "default", "is not set"}}, nil},
		{"missing in development", env(), nil, []told{unsetSecret}},
		{"strong in production", env(prod, varSecret+"="+strongA), nil, nil},
		{"strong in development", env(varSecret + "=" + strongA), nil, nil},
		{"weak in production", env(prod, varSecret+"="+weak), weakness(varSecret), nil},
		{"weak in development", env(varSecret + "=" + weak), nil, weakness(varSecret)},
		{"a placeholder", env(prod, varSecret+"="+common),
			[]told{{varSecret, origin, "(rule: placeholder)"},
				{varSecret, origin, "(rule: entropy)"}}, nil},
		{"published", env(prod, varSecret+"="+published),
			[]told{{varSecret, origin, "(rule: published)"}}, nil},
		{"only white space in production", env(prod, varSecret+"= \t\u2003"),
			[]told{{varSecret, origin, "is not set"}},
			[]told{{varSecret, origin, "white space alone"}}},
		{"only white space in development", env(varSecret + "= \t\u2003"), nil,
			[]told{{varSecret, origin, "white space alone"}, {varSecret, origin, "is not set"}}},
		{"bad UTF-8", env(varSecret + "=" + strongA + "\xff"),
			[]told{{varSecret, origin, "is not valid UTF-8"}}, nil},
		{"NUL is text", env(prod, varSecret+"="+strongA+"\x00"), nil, nil},
		{"weak digest key in production", production(varDigest + "=" + weak), weakness(varDigest),
			nil},
		{"weak digest key in development", env(varSecret+"="+strongA, varDigest+"="+weak), nil,
			weakness(varDigest)},
		{"digest key of white space", env(varSecret+"="+strongA, varDigest+"= "), nil,
			[]told{{varDigest, origin, "white space alone"}}},
		{"digest key in bad UTF-8", env(varSecret+"="+strongA, varDigest+"=\xff"),
			[]told{{varDigest, origin, "is not valid UTF-8"}}, nil},
		{"digest key that signs", production(varDigest + "= " + strongA + "\n"),
			[]told{{varDigest, origin, "is the same as a signing key"}}, nil},
		{"digest key that signs in development", env(varSecret+"="+strongA, varDigest+"="+strongA),
			[]told{{varDigest, origin, "is the same as a signing key"}}, nil},
		{"digest key that verifies", env(varKeys+`={"v2-default":"`+strongA+`","old":"`+strongB+
			`"}`, varDigest+"="+strongB), []told{{varDigest, origin,
			"is the same as a signing key"}}, nil},
		{"digest key of a broken set that verifies",
			env(varKeys+`={"a b":"`+strongB+`"}`, varDigest+"="+strongB), []told{
				{varKid, "default", "names none"}, {varKeys, origin, "entry 1 has an id"},
				{varDigest, origin, "is the same as a signing key"},
			}, nil},
		{"digest key that is like a secret out of use",
			env(varKeys+`={"v2-default":"`+strongA+`"}`, varSecret+"="+strongB,
				varDigest+"="+strongB), nil, []told{{varSecret, origin, "is set but not used"}}},
		{"weak secret out of use", env(prod, varKeys+`={"v2-default":"`+strongA+`"}`,
			varSecret+"="+weak), nil, []told{{varSecret, origin, "is set but not used"}}},
	})
	t.Run("made up anew", func(t *testing.T) {
		draw := byte(0)
		sources := config.Sources{Random: func(n int) []byte {
			draw++
			material := make([]byte, n)
			material[0] = draw
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
	keysOf := func(text string) given { return env(varKeys + "=" + text) }
	none := told{varKid, "default", "names none of the signing keys"}
	entry := func(problem string) told { return told{varKeys, origin, problem} }
	pair := func(id, secret string) string { return `"` + id + `":"` + secret + `"` }
	active := pair("v2-default", strongA)
	judge(t, []judged{
		{"no object", keysOf(`[` + `"` + strongA + `"]`), []told{entry("is not a JSON object")},
			nil},
		{"no JSON", keysOf(strongA), []told{entry("is not a JSON object")}, nil},
		{"cut off", keysOf(`{` + active), []told{entry("is not a JSON object")}, nil},
		{"bad UTF-8", keysOf(`{` + active + "\xff}"), []told{entry("is not a JSON object")}, nil},
		{"white space", keysOf(" "), nil, []told{unsetSecret,
			{varKeys, origin, "white space alone"}}},
		{"no key", keysOf(`{}`), []told{entry("holds no key")}, nil},
		{"an id twice", keysOf(`{` + active + `,` + pair("v2-default", strongB) + `}`),
			[]told{entry("entry 2 has the same id as entry 1")}, nil},
		{"an id twice after trimming", keysOf(`{` + active + `,` + pair(" v2-default\\t", strongB) +
			`}`), []told{entry("entry 2 has the same id as entry 1")}, nil},
		{"one secret under two ids", keysOf(`{` + active + `,` + pair("b", " "+strongA) + `}`),
			[]told{entry("entry 2 has the same secret as entry 1")}, nil},
		{"values of other types", keysOf(`{` + active + `,"b":1,"c":null,"d":["` + strongB + `"]}`),
			[]told{
				entry("entry 2 has a value that is not text"),
				entry("entry 3 has a value that is not text"),
				entry("entry 4 has a value that is not text"),
			}, nil},
		{"empty secrets", keysOf(`{` + active + `,"b":"","c":" "}`),
			[]told{entry("entry 2 has an empty secret"), entry("entry 3 has an empty secret")},
			nil},
		{"bad ids", keysOf(`{` + active + `,` + pair("", strongB) + `,` + pair("é", strongC) + `}`),
			[]told{entry("entry 2 has an id"), entry("entry 3 has an id")}, nil},
		{"no active key", keysOf(`{` + pair("a", strongA) + `}`), []told{none}, nil},
		{"a secret in place of the id", keysOf(`{` + pair(strongA, "v2-default") + `}`),
			[]told{none}, []told{
				entry("entry 1 is not 32"), entry("entry 1 has fewer than 112 bits"),
			}},
		{"a bad active id as well", env(varKid+"=:", varKeys+`={`+pair("a", strongA)+`}`),
			[]told{{varKid, origin, "is no key id"}}, nil},
		{"weak in development", keysOf(`{` + pair("v2-default", weak) + `,` + pair("b", strongB) +
			`}`), nil, []told{
			entry("entry 1 (the active key) is not 32 to 1024"),
			entry("entry 1 (the active key) has fewer than 112 bits"),
		}},
		{"weak in production, though it only verifies",
			env("OFFLOAD_ENVIRONMENT=prod", varKeys+`={`+active+`,`+pair("b", published)+`}`),
			[]told{entry("entry 2 is publicly known")}, nil},
		{"all of it at once", env("OFFLOAD_ENVIRONMENT=prod",
			varKeys+`={"":"`+weak+`","b":"","c":"`+strongB+`","d":"`+strongB+`"}`), []told{
			none, entry("entry 1 has an id"), entry("entry 2 has an empty secret"),
			entry("entry 4 has the same secret as entry 3"),
			entry("entry 1 is not 32 to 1024"), entry("entry 1 has fewer than 112 bits"),
		}, nil},
		{"sound", env("OFFLOAD_ENVIRONMENT=prod", varKeys+`={`+active+`}`), nil, nil},
	})
	for name, in := range map[string]struct {
		environ []string
		yaml    string
	}{
		"JSON": {environ: []string{varKeys + `= {"z":" ` + strongB + `\n", " active ":"` +
			strongA + `"} `}},
		"YAML's text": {yaml: `session_signing_keys: '{"z":"` + strongB + `","active":"` +
			strongA + `"}'`},
		"YAML mapping": {yaml: "session_signing_keys:\n  z: ' " + strongB + "'\n  active: " +
			strongA},
	} {
		t.Run(name, func(t *testing.T) {
			folder(t)
			in.environ = append(in.environ, varKid+"=active")
			review := load(t, given{environ: in.environ, yaml: in.yaml})
			expect(t, nil, review.Faults)
			expect(t, nil, review.Warnings)
			assert.Equal(t, map[string]string{"z": "verifying", "active": "signing"},
				states(t, review))
			key, ok := review.Keyring.VerifierAt(keys.ID("z"), time.Unix(1, 0))
			assert.True(t, ok)
			assert.Equal(t, []byte(strongB), key.Secret())
		})
	}
	t.Run("YAML mapping with values that are no text", func(t *testing.T) {
		folder(t)
		review := load(t, inYAML("session_signing_keys: {v2-default: "+strongA+
			", b: [x], c: ~, d: 31415926535897932384626433832795028841971}"))
		expect(t, []told{
			{varKeys, "file session.yaml", "entry 2 has a value that is not text"},
			{varKeys, "file session.yaml", "entry 3 has an empty secret"},
		}, review.Faults)
	})
	t.Run("an empty YAML mapping", func(t *testing.T) {
		folder(t)
		expect(t, []told{{varKeys, "file session.yaml", "holds no key"}},
			load(t, inYAML("session_signing_keys: {}")).Faults)
	})
}
