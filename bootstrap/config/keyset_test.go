package config_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
)

const (
	varKeyset  = "OFFLOAD_SESSION_KEYSET_FILE"
	keysetName = "keyset.json"

	// Instants around noon, when every test is.
	anHourAgo, anHourOn = `"2026-02-16T11:00:00Z"`, `"2026-02-16T13:00:00Z"`
	signsFrom           = `"sign_from":` + anHourAgo
	pends               = `"sign_from":` + anHourOn
	ended               = signsFrom + `,"verify_until":"2026-02-16T12:00:00Z"`
	revoked             = signsFrom + `,"revoked":true`
)

// hs256 is a symmetric key of a keyset, with the members that plan it.
func hs256(kid, secret, plan string) string {
	return `{"kty":"oct","alg":"HS256","kid":"` + kid + `","k":"` + inBase64(secret) + `",` + plan +
		`}`
}

// eddsa is an Ed25519 key of a keyset.
func eddsa(kid, seed, plan string) string {
	public := ed25519.NewKeyFromSeed([]byte(seed)).Public().(ed25519.PublicKey)
	return `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"` + kid + `","x":"` +
		base64.RawURLEncoding.EncodeToString(public) +
		`","d":"` + inBase64(seed) + `",` + plan + `}`
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// withKeyset gives a keyset and more variables.
func withKeyset(more ...string) given {
	return env(append([]string{varKeyset + "=" + keysetName}, more...)...)
}

func TestAKeysetFromEverySource(t *testing.T) {
	set := setOf(hs256("old", strongA, signsFrom), eddsa("new", madeUp[:32], pends),
		hs256("gone", strongB, ended), hs256("leaked", strongC, revoked))
	for name, in := range map[string]given{
		"environment": withKeyset("OFFLOAD_ENVIRONMENT=production"),
		"YAML": inYAML(
			"session_keyset_file: keyset.json\nenvironment: production"),
		"flag": {args: []string{"--session-keyset-file", keysetName,
			"--environment=production"}},
		"a file that tells where": env(varKeyset+"_FILE=where", "OFFLOAD_ENVIRONMENT=production"),
	} {
		t.Run(name, func(t *testing.T) {
			folder(t)
			write(t, keysetName, set, 0o600)
			write(t, "where", keysetName+"\n", 0o644)
			review := load(t, in)
			expect(t, nil, review.Faults)
			expect(t, nil, review.Warnings)
			assert.Equal(t, map[string]string{"old": "signing", "new": "pending", "gone": "expired",
				"leaked": "revoked"}, states(t, review))
			assert.Equal(t, keysetName, review.Config.KeysetFile)
			assert.Equal(t, keysetName, setting(t, review, varKeyset).Value)
		})
	}
}

func TestKeysets(t *testing.T) {
	const environment, which = "environment", "names the file keyset.json, which "
	file := func(problem string) told { return told{varKeyset, environment, which + problem} }
	malformed := func(problem string) told { return file("is no sound keyset: " + problem) }
	key := func(problem string) told { return told{varKeyset, environment, problem} }
	const prod = "OFFLOAD_ENVIRONMENT=prod"
	strong := hs256("k", strongA, signsFrom)
	same := told{varDigest, environment, "is the same as a signing key"}

	for _, row := range []struct {
		name     string
		set      string
		in       given
		faults   []told
		warnings []told
	}{
		{"sound in production", setOf(strong), withKeyset(prod), nil, nil},
		{"sound in development, and no want of a secret", setOf(strong), withKeyset(), nil, nil},
		{"what is weak beside what is malformed",
			setOf(strong, hs256("w", weak, signsFrom),
				hs256("z", strongB, signsFrom+`,"revokd":true`)),
			withKeyset(prod), []told{
				malformed("key 3 (z): has a member that is not known"), key("key w "),
				key("key w "),
			}, nil},
		{"every fault at once, by kid and member", setOf(
			`{"kty":"oct","alg":"HS384","kid":"a","k":"`+inBase64(strongA)+
				`=","sign_from":"yesterday","verify_until":7}`,
			`{"kty":"OKP","crv":"Ed448","alg":"EdDSA","kid":"a b","x":"`+inBase64(strongB)+
				`","d":"`+inBase64(strongA)+`",`+signsFrom+`,"use":"enc","key_ops":["wrapKey"]}`,
			`{"kty":"RSA","kid":"c","k":"`+inBase64(strongA)+`",`+signsFrom+
				`,"revokd":true,"revoked":"`+strongC+`"}`,
			`"`+strongA+`"`,
		), withKeyset(), []told{
			malformed("key 1 (a): sign_from: must be an instant"),
			malformed("key 1 (a): verify_until: must be an instant"),
			malformed("key 1 (a): alg: must be HS256"),
			malformed("key 1 (a): k: must be base64url"),
			malformed("key 2: kid: must be 1 to 64"), malformed("key 2: use: must be sig"),
			malformed("key 2: key_ops: must be a list"),
			malformed("key 2: crv: must be Ed25519"), malformed("key 2: x: must be 32 bytes"),
			malformed("key 2: d: must be 32 bytes"),
			malformed("key 3 (c): revoked: must be true or false"),
			malformed("key 3 (c): has a member that is not known"),
			malformed("key 3 (c): kty: must be oct or OKP"),
			malformed("key 4: must be an object"),
		}, nil},
		{"one id twice and one material twice",
			setOf(strong, hs256("k", strongB, signsFrom), hs256("l", strongA, pends)),
			withKeyset(prod), []told{
				malformed("the set (k): the id k stands twice"),
				malformed("the set (l): the keys k and l are the same"),
			}, nil},
		{"no JSON", "{", withKeyset(), []told{malformed("the set: is not JSON")}, nil},
		{"nothing", "", withKeyset(), []told{malformed("the set: is not JSON")}, nil},
		{"a secret in its place", strongA, withKeyset(), []told{malformed("the set: is not JSON")},
			nil},
		{"no key", setOf(), withKeyset(), []told{malformed("the set: there is no key")}, nil},

		{"beside signing keys", setOf(strong),
			withKeyset(varKeys + `={"v2-default":"` + strongB + `"}`),
			[]told{{varKeys, environment, "is set beside " + varKeyset}}, nil},
		{"beside broken signing keys", setOf(strong), withKeyset(varKeys + "_FILE=/nowhere"),
			[]told{
				{varKeys, "environment, by " + varKeys + "_FILE", "/nowhere"},
				{varKeys, "environment, by " + varKeys + "_FILE", "is set beside"},
			}, nil},
		{"beside a secret, which is not judged", setOf(strong),
			withKeyset(prod, varSecret+"="+weak), nil,
			[]told{{varSecret, environment, "is set but not used, for " + varKeyset + " counts"}}},
		{"beside white space, which is no secret", setOf(strong), withKeyset(prod, varSecret+"= "),
			nil, []told{{varSecret, "environment", "white space alone"}}},
		{"beside both", setOf(strong), withKeyset(varSecret+"="+strongC, varKeys+"={}"),
			[]told{{varKeys, environment, "is set beside"}},
			[]told{{varSecret, environment, "is set but not used"}}},

		{"weak in production, each by its kid",
			setOf(strong, hs256("w", weak, pends), hs256("c", common, signsFrom),
				hs256("p", published, signsFrom)), withKeyset(prod), []told{
				key("key c is made of common words"),
				key("key c has fewer than 112 bits by estimate (rule: entropy)"),
				key("key p is publicly known"),
				key("key w is not 32 to 1024 characters or bytes long (rule: length)"),
				key("key w has fewer than 112 bits"),
			}, nil},
		{"weak in development", setOf(hs256("w", weak, signsFrom)), withKeyset(), nil, []told{
			key("key w is not 32 to 1024 characters or bytes long (rule: length)"),
			key("key w has fewer than 112 bits"),
		}},
		{"weak, but expired or revoked", setOf(strong, hs256("w", weak, ended),
			hs256("p", published, revoked)), withKeyset(prod), nil, nil},
		{"a pair whose seed is denied", setOf(strong, eddsa("e", strongB[:32], signsFrom)),
			withKeyset(prod, "OFFLOAD_SECRET_DENYLIST_FILE=denied"),
			[]told{key(
				"key e is publicly known or on the list of denied secrets (rule: published)")},
			nil},

		{"the digest key as a key, in production", setOf(strong),
			withKeyset(prod, varDigest+"="+strongA), []told{same}, nil},
		{"the digest key as a key, in development", setOf(strong),
			withKeyset(varDigest + "= " + strongA + "\n"), []told{same}, nil},
		{"the digest key as an expired key", setOf(strong, hs256("x", strongB, ended)),
			withKeyset(varDigest + "=" + strongB), []told{same}, nil},
		{"the digest key as a pair's seed", setOf(strong, eddsa("e", strongB[:32], signsFrom)),
			withKeyset(varDigest + "=" + strongB[:32]), []told{same}, nil},
		{"a digest key of its own", setOf(strong), withKeyset(prod, varDigest+"="+strongB), nil,
			nil},

		{"all still pending", setOf(hs256("k", strongA, pends)), withKeyset(prod), nil, nil},
		{"all ended or revoked", setOf(hs256("x", strongA, ended), hs256("r", strongB, revoked)),
			withKeyset(), []told{file("holds no key that can sign, now or later")}, nil},
		{"weak and never to sign, all at once",
			setOf(hs256("x", strongA, ended),
				hs256("w", weak, `"sign_from":"2026-02-16T13:00:00Z","revoked":true`)),
			withKeyset(prod, varDigest+"="+strongA),
			[]told{file("holds no key that can sign"), same}, nil},

		{"given as a value and by a file, which is told once", setOf(strong),
			withKeyset(varKeyset + "_FILE=where"),
			[]told{{varKeyset, environment, "is given both as a value and by"}}, nil},
		{"named in a file that is not there, which is told once", setOf(strong),
			env(varKeyset + "_FILE=/nowhere"),
			[]told{{varKeyset, "environment, by " + varKeyset + "_FILE",
				"/nowhere, which is not found"}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			folder(t)
			write(t, keysetName, row.set, 0o600)
			write(t, "denied", strongB[:32]+"\n", 0o644)
			review := load(t, row.in)
			expect(t, row.faults, review.Faults)
			expect(t, row.warnings, review.Warnings)
			if len(row.faults) == 0 {
				assert.NotNil(t, review.Keyring)
			}
		})
	}
}

func TestAFileOfNothingButFaultsIsToldInPart(t *testing.T) {
	folder(t)
	write(t, keysetName, setOf(strings.TrimSuffix(strings.Repeat("7,", 250), ",")), 0o600)
	faults := load(t, withKeyset()).Faults
	require.Len(t, faults, 101)
	assert.Contains(t, faults[99].Problem, "key 100: must be an object")
	assert.Contains(t, faults[100].Problem, "150 more")
}

func TestModesOfAKeyset(t *testing.T) {
	const problem = "which may be read or written by others, or written by its group"
	for mode, exposed := range map[os.FileMode]bool{
		0o600: false, 0o400: false, 0o640: false, 0o440: false,
		0o644: true, 0o604: true, 0o602: true, 0o620: true, 0o660: true, 0o666: true,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			folder(t)
			write(t, "real.json", setOf(hs256("k", strongA, signsFrom),
				hs256("w", weak, signsFrom)), mode)
			require.NoError(t, os.Symlink("real.json", keysetName))
			expect(t, nil, load(t, withKeyset()).Faults)
			review := load(t, withKeyset("OFFLOAD_ENVIRONMENT=production"))
			var want []told
			if exposed {
				want = []told{{varKeyset, "environment", problem}}
			}
			want = append(want, told{varKeyset, "environment", "key w is not"},
				told{varKeyset, "environment", "key w has"})
			expect(t, want, review.Faults)
			if exposed {
				assert.Contains(t, review.Faults[0].Remedy, "chmod")
			}
			_, err := keyset.Read(keysetName, review.KeysetRules(atNoon), noon)
			faults := keyset.Faults{}
			require.ErrorAs(t, err, &faults)
			assert.Equal(t, exposed, faults[0].Reason == keyset.ReasonExposed, "and so on reload")
		})
	}
}

func atNoon() time.Time { return noon }

func TestFilesThatAreNoKeyset(t *testing.T) {
	folder(t)
	require.NoError(t, os.Mkdir("folder", 0o755))
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	require.NoError(t, os.Symlink("loop", "loop"))
	require.NoError(t, os.Symlink("pipe", "to-pipe"))
	require.NoError(t, os.Symlink("nowhere", "dangling"))
	sound := setOf(hs256("k", strongA, signsFrom))
	write(t, "large", sound+strings.Repeat(" ", 1<<20), 0o600)
	write(t, "largest", sound+strings.Repeat(" ", 1<<20-len(sound)), 0o600)
	for name, problem := range map[string]string{
		"nowhere": "is not found", "dangling": "is not found", "folder": "is not a regular file",
		"pipe":    "is not a regular file",
		"to-pipe": "is not a regular file", "/dev/zero": "is not a regular file",
		"loop":        "cannot be read: too many levels of symbolic links",
		"large/below": "cannot be read: not a directory", "large": "is larger than 1048576 bytes",
	} {
		t.Run(name, func(t *testing.T) {
			review := load(t, env(varKeyset+"="+name, "OFFLOAD_ENVIRONMENT=prod"))
			expect(t, []told{{varKeyset, "environment",
				"names the file " + name + ", which " + problem}}, review.Faults)
			assert.Nil(t, review.Keyring)
		})
	}
	t.Run("exactly a mebibyte", func(t *testing.T) {
		expect(t, nil, load(t, env(varKeyset+"=largest")).Faults)
	})
	t.Run("a name that a terminal would act upon", func(t *testing.T) {
		expect(t, []told{{varKeyset, "environment",
			`names the file "\x1b[2J", which is not found`}},
			load(t, env(varKeyset+"=\x1b[2J")).Faults)
	})
}

// What a set must stand up to on reload is what it must stand up to at the start.
func TestKeysetRules(t *testing.T) {
	ring := func(all ...keys.Key) *keys.Keyring {
		made, err := keys.NewKeyring(all...)
		require.NoError(t, err)
		return made
	}
	now := noon
	rules := func(more ...string) keyset.Rules {
		folder(t)
		write(t, keysetName, setOf(hs256("k", strongA, signsFrom)), 0o600)
		write(t, "denied", strongB[:32], 0o644)
		review := load(t, withKeyset(append(more, "OFFLOAD_SECRET_DENYLIST_FILE=denied")...))
		expect(t, nil, review.Faults)
		return review.KeysetRules(func() time.Time { return now })
	}
	development, production := rules(varDigest+"="+strongC),
		rules(varDigest+"="+strongC, "OFFLOAD_ENVIRONMENT=production")
	assert.False(t, development.Production)
	assert.True(t, production.Production)
	ends := keys.Plan{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon.Add(time.Hour)}
	for _, c := range []struct {
		name string
		ring *keys.Keyring
		// What is told, in development and in production; empty: the set is accepted.
		development, production string
	}{
		{"strong", ring(keys.NewHS256("k", []byte(strongB), keys.Plan{})), "", ""},
		{"weak", ring(keys.NewHS256("w", []byte(weak), ends),
			keys.NewHS256("p", []byte(published), keys.Plan{})), "",
			"key p is publicly known or on the list of denied secrets; key w is not 32 to 1024 characters or bytes long; key w has fewer than 112 bits by estimate"},
		{"weak and revoked", ring(keys.NewHS256("w", []byte(weak), keys.Plan{Revoked: true})), "",
			""},
		{"a denied seed", ring(keys.NewEdDSA("e", []byte(strongB[:32]), keys.Plan{})), "",
			"key e is publicly known or on the list of denied secrets"},
		{"the digest key", ring(keys.NewHS256("d", []byte(strongC), keys.Plan{Revoked: true})),
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY",
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY"},
		{"both", ring(keys.NewHS256("d", []byte(strongC), keys.Plan{}),
			keys.NewHS256("w", []byte(weak), keys.Plan{})),
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY",
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY; key w is not 32 to 1024 characters or bytes long; key w has fewer than 112 bits by estimate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for told, rules := range map[*string]keyset.Rules{&c.development: development,
				&c.production: production} {
				err := rules.Accept(c.ring)
				if *told == "" {
					assert.NoError(t, err)
					continue
				}
				refused := &config.RefusedKeysError{}
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, *told, refused.Error())
			}
		})
	}
	t.Run("by the clock", func(t *testing.T) {
		weakUntil := ring(keys.NewHS256("w", []byte(weak), ends))
		now = ends.VerifyUntil.Add(-1)
		assert.Error(t, production.Accept(weakUntil))
		now = ends.VerifyUntil
		assert.NoError(t, production.Accept(weakUntil))
	})
	t.Run("a digest key that was made up counts as one that was given", func(t *testing.T) {
		assert.Error(t, rules().Accept(ring(keys.NewHS256("d", []byte(madeUp[:32]), keys.Plan{}))))
	})
}

func TestReadImport(t *testing.T) {
	folder(t)
	write(t, "secret", " \n"+strongA+"\u2003\r\n\n", 0o644)
	write(t, "weak", weak, 0o644)
	write(t, "blank", " \n\t", 0o644)
	write(t, "binary", strongA+"\xff", 0o644)
	development, production := load(t, given{}),
		load(t, production(varDigest+"="+strongA, varSecret+"="+strongB))

	imported, err := development.ReadImport("secret", "k", noon)
	require.NoError(t, err)
	assert.Equal(t, []byte(strongA), imported.Secret.Bytes(),
		"white space at both ends is no part of it")
	assert.Empty(t, imported.Weak)
	assert.Nil(t, imported.Refused)

	imported, err = development.ReadImport("weak", "k", noon)
	require.NoError(t, err)
	assert.Len(t, imported.Weak, 2)
	assert.Nil(t, imported.Refused, "in development a weak one is let pass")

	imported, err = production.ReadImport("weak", "k", noon)
	require.NoError(t, err)
	assert.Len(t, imported.Weak, 2)
	assert.EqualError(t, imported.Refused,
		"key k is not 32 to 1024 characters or bytes long; key k has fewer than 112 bits by estimate")

	imported, err = production.ReadImport("secret", "k", noon)
	require.NoError(t, err)
	assert.EqualError(t, imported.Refused, "key k is the same as OFFLOAD_LIMITER_DIGEST_KEY")

	for name, problem := range map[string]string{
		strongA: "is not found", ".": "is not a regular file", "blank": "holds no text",
		"binary": "holds no text",
	} {
		_, err := production.ReadImport(name, "k", noon)
		var unread *config.SecretFileError
		require.ErrorAs(t, err, &unread)
		assert.Equal(t, problem, unread.Problem)
		hunt(t, err.Error(), planted...)
	}
}
