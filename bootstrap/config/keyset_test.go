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
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

const (
	varKeyset  = "OFFLOAD_SESSION_KEYSET_FILE"
	keysetName = "keyset.json"

	// Times relative to noon.
	anHourAgo, inAnHour = `"2026-02-16T11:00:00Z"`, `"2026-02-16T13:00:00Z"`
	signsFrom           = `"sign_from":` + anHourAgo
	pending             = `"sign_from":` + inAnHour
	ended               = signsFrom + `,"verify_until":"2026-02-16T12:00:00Z"`
	revoked             = signsFrom + `,"revoked":true`
)

// hs256 returns a symmetric key of a keyset with the given schedule members.
func hs256(kid, secret, plan string) string {
	return `{"kty":"oct","alg":"HS256","kid":"` + kid + `","k":"` + inBase64(secret) + `",` + plan +
		`}`
}

// eddsa returns an Ed25519 key of a keyset.
func eddsa(kid, seed, plan string) string {
	public := ed25519.NewKeyFromSeed([]byte(seed)).Public().(ed25519.PublicKey)
	return `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"` + kid + `","x":"` +
		base64.RawURLEncoding.EncodeToString(public) +
		`","d":"` + inBase64(seed) + `",` + plan + `}`
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// withKeyset returns an input of a keyset and more variables.
func withKeyset(more ...string) input {
	return env(append([]string{varKeyset + "=" + keysetName}, more...)...)
}

func TestKeysetFromEverySource(t *testing.T) {
	set := setOf(hs256("old", strongA, signsFrom), eddsa("new", randomKey[:32], pending),
		hs256("gone", strongB, ended), hs256("leaked", strongC, revoked))
	for name, in := range map[string]input{
		"environment": withKeyset("OFFLOAD_ENVIRONMENT=production"),
		"YAML": inYAML(
			"session_keyset_file: keyset.json\nenvironment: production"),
		"flag": {args: []string{"--session-keyset-file", keysetName,
			"--environment=production"}},
		"a file with the name": env(varKeyset+"_FILE=where", "OFFLOAD_ENVIRONMENT=production"),
	} {
		t.Run(name, func(t *testing.T) {
			tempDir(t)
			write(t, keysetName, set, 0o600)
			write(t, "where", keysetName+"\n", 0o644)
			review := load(t, in)
			assertFindings(t, nil, review.Faults)
			assertFindings(t, nil, review.Warnings)
			assert.Equal(t, map[string]string{"old": "signing", "new": "pending", "gone": "expired",
				"leaked": "revoked"}, states(t, review))
			assert.Equal(t, keysetName, review.Config.KeysetFile)
			assert.Equal(t, keysetName, setting(t, review, varKeyset).Value)
		})
	}
}

func TestKeysets(t *testing.T) {
	const environment, which = "environment", "names the file keyset.json, which "
	file := func(problem string) finding { return finding{varKeyset, environment, which + problem} }
	malformed := func(problem string) finding { return file("is not a valid keyset: " + problem) }
	key := func(problem string) finding { return finding{varKeyset, environment, problem} }
	const prod = "OFFLOAD_ENVIRONMENT=prod"
	strong := hs256("k", strongA, signsFrom)
	same := finding{varDigest, environment, "is the same as a signing key"}

	for _, row := range []struct {
		name     string
		set      string
		in       input
		faults   []finding
		warnings []finding
	}{
		{"valid in production", setOf(strong), withKeyset(prod), nil, nil},
		{"valid in development without a secret", setOf(strong), withKeyset(), nil, nil},
		{"weak keys together with malformed keys",
			setOf(strong, hs256("w", weak, signsFrom),
				hs256("z", strongB, signsFrom+`,"revokd":true`)),
			withKeyset(prod), []finding{
				malformed(`key 3 (z): has a member that is not known: "revokd" (did you mean revoked?)`),
				key("key 2 (w): k: "), key("key 2 (w): k: "),
			}, nil},
		{"every fault at once, with key id and member", setOf(
			`{"kty":"oct","alg":"HS384","kid":"a","k":"`+inBase64(strongA)+
				`=","sign_from":"yesterday","verify_until":7}`,
			`{"kty":"OKP","crv":"Ed448","alg":"EdDSA","kid":"a b","x":"`+inBase64(strongB)+
				`","d":"`+inBase64(strongA)+`",`+signsFrom+`,"use":"enc","key_ops":["wrapKey"]}`,
			`{"kty":"RSA","kid":"c","k":"`+inBase64(strongA)+`",`+signsFrom+
				`,"revokd":true,"revoked":"`+strongC+`"}`,
			`"`+strongA+`"`,
		), withKeyset(), []finding{
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
			malformed("key 3 (c): kty: must be oct, OKP or EC"),
			malformed("key 4: must be an object"),
		}, nil},
		{"duplicate id and duplicate material",
			setOf(strong, hs256("k", strongB, signsFrom), hs256("l", strongA, pending)),
			withKeyset(prod), []finding{
				malformed("the set (k): the id k appears twice"),
				malformed("the set (l): the keys k and l are the same"),
			}, nil},
		{"weak keys of which one has no id and two have the same",
			setOf(hs256("a", weak, signsFrom), hs256("a", strongA, signsFrom),
				hs256("no id", "another "+weak, signsFrom)),
			withKeyset(prod), []finding{
				malformed("key 3: kid: must be"), malformed("the set (a): the id a appears twice"),
				key("key 1 (a): k: "), key("key 1 (a): k: "), key("key 3: k: "), key("key 3: k: "),
			}, nil},
		{"not JSON", "{", withKeyset(), []finding{malformed("the set: is not JSON")}, nil},
		{"empty file", "", withKeyset(), []finding{malformed("the set: is not JSON")}, nil},
		{"a secret instead of a keyset", strongA, withKeyset(),
			[]finding{malformed("the set: is not JSON")},
			nil},
		{"no key", setOf(), withKeyset(), []finding{malformed("the set: there is no key")}, nil},

		{"together with signing keys", setOf(strong),
			withKeyset(varKeys + `={"v2-default":"` + strongB + `"}`),
			[]finding{{varKeys, environment, "is set together with " + varKeyset}}, nil},
		{"together with unreadable signing keys", setOf(strong),
			withKeyset(varKeys + "_FILE=/nowhere"),
			[]finding{
				{varKeys, "environment, by " + varKeys + "_FILE", "/nowhere"},
				{varKeys, "environment, by " + varKeys + "_FILE", "is set together with"},
			}, nil},
		{"together with a secret of white space", setOf(strong), withKeyset(prod, varSecret+"= "),
			nil, []finding{{varSecret, "environment", "only white space"}}},
		{"together with a secret and signing keys", setOf(strong), withKeyset(varSecret+"="+strongC,
			varKeys+"=[]"),
			[]finding{{varKeys, environment, "is set together with"}}, nil},

		{"weak in production, each with its key id",
			setOf(strong, hs256("w", weak, pending), hs256("c", common, signsFrom),
				hs256("p", published, signsFrom)), withKeyset(prod), []finding{
				key("key 2 (w): k: is not 32 to 1024 characters or bytes long (rule: length)"),
				key("key 2 (w): k: has fewer than 112 bits"),
				key("key 3 (c): k: is made of common words"),
				key("key 3 (c): k: has fewer than 112 bits by estimate (rule: entropy)"),
				key("key 3 (c): k: looks as if a person chose it (rule: chosen)"),
				key("key 4 (p): k: is publicly known"),
			}, nil},
		{"weak in development", setOf(hs256("w", weak, signsFrom)), withKeyset(), nil, []finding{
			key("key 1 (w): k: is not 32 to 1024 characters or bytes long (rule: length)"),
			key("key 1 (w): k: has fewer than 112 bits"),
		}},
		{"weak, but expired or revoked", setOf(strong, hs256("w", weak, ended),
			hs256("p", published, revoked)), withKeyset(prod), nil, nil},
		{"key pair with a denied seed", setOf(strong, eddsa("e", strongB[:32], signsFrom)),
			withKeyset(prod, "OFFLOAD_SECRET_DENYLIST_FILE=denied"),
			[]finding{key(
				"key 2 (e): d: is publicly known or on the list of denied secrets (rule: published)")},
			nil},

		{"the digest key as a key, in production", setOf(strong),
			withKeyset(prod, varDigest+"="+strongA), []finding{same}, nil},
		{"the digest key as a key, in development", setOf(strong),
			withKeyset(varDigest + "= " + strongA + "\n"), []finding{same}, nil},
		{"the digest key as an expired key", setOf(strong, hs256("x", strongB, ended)),
			withKeyset(varDigest + "=" + strongB), []finding{same}, nil},
		{"the digest key as the seed of a key pair", setOf(strong, eddsa("e", strongB[:32],
			signsFrom)),
			withKeyset(varDigest + "=" + strongB[:32]), []finding{same}, nil},
		{"a separate digest key", setOf(strong), withKeyset(prod, varDigest+"="+strongB), nil,
			nil},

		{"all still pending", setOf(hs256("k", strongA, pending)), withKeyset(prod), nil, nil},
		{"all expired or revoked", setOf(hs256("x", strongA, ended), hs256("r", strongB, revoked)),
			withKeyset(), []finding{file("holds no key that can sign, now or later")}, nil},
		{"weak and unable to sign, all at once",
			setOf(hs256("x", strongA, ended),
				hs256("w", weak, `"sign_from":"2026-02-16T13:00:00Z","revoked":true`)),
			withKeyset(prod, varDigest+"="+strongA),
			[]finding{file("holds no key that can sign"), same}, nil},

		{"set directly and by a file, reported once", setOf(strong),
			withKeyset(varKeyset + "_FILE=where"),
			[]finding{{varKeyset, environment, "is set both directly and by"}}, nil},
		{"named in a missing file, reported once", setOf(strong),
			env(varKeyset + "_FILE=/nowhere"),
			[]finding{{varKeyset, "environment, by " + varKeyset + "_FILE",
				"/nowhere, which is not found"}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			tempDir(t)
			write(t, keysetName, row.set, 0o600)
			write(t, "denied", strongB[:32]+"\n", 0o644)
			review := load(t, row.in)
			assertFindings(t, row.faults, review.Faults)
			assertFindings(t, row.warnings, review.Warnings)
			if len(row.faults) == 0 {
				assert.NotNil(t, review.Keyring)
			}
		})
	}
}

func TestBoundsReportedFaults(t *testing.T) {
	tempDir(t)
	write(t, keysetName, setOf(strings.TrimSuffix(strings.Repeat("7,", 250), ",")), 0o600)
	faults := load(t, withKeyset()).Faults
	require.Len(t, faults, 101)
	assert.Contains(t, faults[99].Problem, "key 100: must be an object")
	assert.Contains(t, faults[100].Problem, "150 more")
}

func TestModesOfKeysetFiles(t *testing.T) {
	const problem = "which may be read or written by others, or written by its group"
	for mode, exposed := range map[os.FileMode]bool{
		0o600: false, 0o400: false, 0o640: false, 0o440: false,
		0o644: true, 0o604: true, 0o602: true, 0o620: true, 0o660: true, 0o666: true,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			tempDir(t)
			write(t, "real.json", setOf(hs256("k", strongA, signsFrom),
				hs256("w", weak, signsFrom)), mode)
			require.NoError(t, os.Symlink("real.json", keysetName))
			assertFindings(t, nil, load(t, withKeyset()).Faults)
			review := load(t, withKeyset("OFFLOAD_ENVIRONMENT=production"))
			var want []finding
			if exposed {
				want = []finding{{varKeyset, "environment", problem}}
			}
			want = append(want, finding{varKeyset, "environment", "key 2 (w): k: is not"},
				finding{varKeyset, "environment", "key 2 (w): k: has"})
			assertFindings(t, want, review.Faults)
			if exposed {
				assert.Contains(t, review.Faults[0].Remedy, "chmod")
			}
			_, err := keyset.Read(keysetName, review.KeysetRules(atNoon), noon)
			faults := keyset.Faults{}
			require.ErrorAs(t, err, &faults)
			assert.Equal(t, exposed, faults[0].Reason == securefile.Exposed, "the same on reload")
		})
	}
}

func atNoon() time.Time { return noon }

func TestRefusesOtherFilesAsKeyset(t *testing.T) {
	tempDir(t)
	require.NoError(t, os.Mkdir("folder", 0o755))
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	require.NoError(t, os.Symlink("loop", "loop"))
	require.NoError(t, os.Symlink("pipe", "to-pipe"))
	require.NoError(t, os.Symlink("nowhere", "dangling"))
	valid := setOf(hs256("k", strongA, signsFrom))
	write(t, "large", valid+strings.Repeat(" ", 1<<20), 0o600)
	write(t, "largest", valid+strings.Repeat(" ", 1<<20-len(valid)), 0o600)
	for name, problem := range map[string]string{
		"nowhere": "is not found", "dangling": "is not found", "folder": "is not a regular file",
		"pipe":    "is not a regular file",
		"to-pipe": "is not a regular file", "/dev/zero": "is not a regular file",
		"loop":        "cannot be read: too many levels of symbolic links",
		"large/below": "cannot be read: not a directory", "large": "is larger than 1048576 bytes",
	} {
		t.Run(name, func(t *testing.T) {
			review := load(t, env(varKeyset+"="+name, "OFFLOAD_ENVIRONMENT=prod"))
			assertFindings(t, []finding{{varKeyset, "environment",
				"names the file " + name + ", which " + problem}}, review.Faults)
			assert.Nil(t, review.Keyring)
		})
	}
	t.Run("exactly 1 MiB", func(t *testing.T) {
		assertFindings(t, nil, load(t, env(varKeyset+"=largest")).Faults)
	})
	t.Run("a name with control characters", func(t *testing.T) {
		assertFindings(t, []finding{{varKeyset, "environment",
			`names the file "\x1b[2J", which is not found`}},
			load(t, env(varKeyset+"=\x1b[2J")).Faults)
	})
}

// TestKeysetRules checks that a keyset must satisfy the same rules at a reload as at the start.
func TestKeysetRules(t *testing.T) {
	keyring := func(all ...keys.Key) *keys.Keyring {
		made, err := keys.NewKeyring(all...)
		require.NoError(t, err)
		return made
	}
	now := noon
	rules := func(more ...string) keyset.Rules {
		tempDir(t)
		write(t, keysetName, setOf(hs256("k", strongA, signsFrom)), 0o600)
		write(t, "denied", strongB[:32], 0o644)
		review := load(t, withKeyset(append(more, "OFFLOAD_SECRET_DENYLIST_FILE=denied")...))
		assertFindings(t, nil, review.Faults)
		return review.KeysetRules(func() time.Time { return now })
	}
	development, production := rules(varDigest+"="+strongC),
		rules(varDigest+"="+strongC, "OFFLOAD_ENVIRONMENT=production")
	assert.False(t, development.Production)
	assert.True(t, production.Production)
	ends := keys.Plan{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon.Add(time.Hour)}
	for _, c := range []struct {
		name    string
		keyring *keys.Keyring
		// The expected error in development and in production; empty if the keyset is accepted.
		development, production string
	}{
		{"strong", keyring(keys.NewHS256("k", []byte(strongB), keys.Plan{})), "", ""},
		{"weak", keyring(keys.NewHS256("w", []byte(weak), ends),
			keys.NewHS256("p", []byte(published), keys.Plan{})), "",
			"key p is publicly known or on the list of denied secrets; key w is not 32 to 1024 characters or bytes long; key w has fewer than 112 bits by estimate"},
		{"weak and revoked", keyring(keys.NewHS256("w", []byte(weak), keys.Plan{Revoked: true})),
			"",
			""},
		{"a denied seed", keyring(keys.NewEdDSA("e", []byte(strongB[:32]), keys.Plan{})), "",
			"key e is publicly known or on the list of denied secrets"},
		{"the digest key", keyring(keys.NewHS256("d", []byte(strongC), keys.Plan{Revoked: true})),
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY",
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY"},
		{"both", keyring(keys.NewHS256("d", []byte(strongC), keys.Plan{}),
			keys.NewHS256("w", []byte(weak), keys.Plan{})),
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY",
			"key d is the same as OFFLOAD_LIMITER_DIGEST_KEY; key w is not 32 to 1024 characters or bytes long; key w has fewer than 112 bits by estimate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for want, rules := range map[*string]keyset.Rules{&c.development: development,
				&c.production: production} {
				err := rules.Accept(placed(c.keyring))
				if *want == "" {
					assert.NoError(t, err)
					continue
				}
				refused := &keys.RefusedError{}
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, *want, refused.Error())
			}
		})
	}
	t.Run("at the time of the check", func(t *testing.T) {
		weakUntil := keyring(keys.NewHS256("w", []byte(weak), ends))
		now = ends.VerifyUntil.Add(-1)
		assert.Error(t, production.Accept(placed(weakUntil)))
		now = ends.VerifyUntil
		assert.NoError(t, production.Accept(placed(weakUntil)))
	})
	t.Run("a random digest key counts like a configured one", func(t *testing.T) {
		assert.Error(t, rules().Accept(placed(keyring(keys.NewHS256("d", []byte(randomKey[:32]),
			keys.Plan{})))))
	})
}

// placed returns the keys of a keyring as if they were in no set.
func placed(keyring *keys.Keyring) []keys.Placed {
	var all []keys.Placed
	for _, key := range keyring.Keys() {
		all = append(all, keys.Placed{Key: key, Index: -1})
	}
	return all
}

func TestReadImport(t *testing.T) {
	tempDir(t)
	write(t, "secret", " \n"+strongA+"\u2003\r\n\n", 0o644)
	write(t, "weak", weak, 0o644)
	write(t, "blank", " \n\t", 0o644)
	write(t, "binary", strongA+"\xff", 0o644)
	write(t, "UTF-16", "\xff\xfea\x00", 0o600)
	development, production := load(t, input{}),
		load(t, production(varDigest+"="+strongA, varSecret+"="+strongB))

	imported, err := development.ReadImport("secret", "k", noon)
	require.NoError(t, err)
	assert.Equal(t, []byte(strongA), imported.Secret.Bytes(),
		"white space at both ends is removed")
	assert.Empty(t, imported.Weak)
	assert.Nil(t, imported.Refused)

	imported, err = development.ReadImport("weak", "k", noon)
	require.NoError(t, err)
	assert.Len(t, imported.Weak, 2)
	assert.NotNil(t, imported.Refused, "judged as in production")

	imported, err = production.ReadImport("weak", "k", noon)
	require.NoError(t, err)
	assert.Len(t, imported.Weak, 2)
	assert.EqualError(t, imported.Refused,
		"key k is not 32 to 1024 characters or bytes long; key k has fewer than 112 bits by estimate")

	imported, err = production.ReadImport("secret", "k", noon)
	require.NoError(t, err)
	assert.EqualError(t, imported.Refused, "key k is the same as OFFLOAD_LIMITER_DIGEST_KEY")

	for name, content := range map[string]string{"quoted": `"` + strongB + `"`,
		"marked": "\ufeff" + strongB, "named": "KEY=" + strongB + "\n"} {
		write(t, name, content, 0o644)
		imported, err = development.ReadImport(name, "k", noon)
		require.NoError(t, err)
		assert.Equal(t, []secret.Finding{{Rule: secret.RuleWrapped}}, imported.Weak)
		assert.NotNil(t, imported.Refused, "judged as in production")
		imported, err = production.ReadImport(name, "k", noon)
		require.NoError(t, err)
		require.NotNil(t, imported.Refused)
		assert.Contains(t, imported.Refused.Error(), "key k has quotes, a name")
		assertNoSecret(t, imported.Refused.Error(), secrets...)
	}

	for name, problem := range map[string]string{
		strongA: "is not found; name a file that exists", ".": "is not a regular file; name a regular file, not a directory, pipe or device",
		"blank":  "is empty or not UTF-8 text; write the secret alone into it",
		"binary": "is empty or not UTF-8 text; write the secret alone into it",
		"UTF-16": "is in UTF-16 (little endian): save it as UTF-8",
	} {
		_, err := production.ReadImport(name, "k", noon)
		var unusable *config.SecretFileError
		require.ErrorAs(t, err, &unusable)
		assert.Equal(t, problem, unusable.Problem)
		assertNoSecret(t, err.Error(), secrets...)
	}
}
