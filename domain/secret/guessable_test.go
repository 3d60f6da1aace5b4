package secret_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/secret"
)

// TestRefusesGuessableSecrets checks that at least 95 % of the secrets of each kind that people
// choose are refused: those of guessable_secrets.txt, and those of the other lists, which were
// written without looking at the model. Do not tune the model by the other lists.
func TestRefusesGuessableSecrets(t *testing.T) {
	for _, name := range []string{"guessable_secrets.txt", "guessable_unseen.txt",
		"guessable_held_out.txt", "guessable_second_author.txt"} {
		all, accepted := map[string]int{}, map[string][]string{}
		for _, line := range lines(t, name) {
			kind, text, found := strings.Cut(line, "\t")
			require.True(t, found, line)
			all[kind]++
			if len(secret.Policy{}.Assess(text)) == 0 {
				accepted[kind] = append(accepted[kind], text)
			}
		}
		require.Len(t, all, 8)
		for kind, n := range all {
			assert.LessOrEqual(t, len(accepted[kind])*20, n, "%s: %s: accepted %q", name, kind,
				accepted[kind])
		}
	}
}

func TestWrappedSecretsAreRefused(t *testing.T) {
	const hex = "d7419b1ab93e298cb7a901b6bb0ad6db06c614df396344849f816cd9ea4d5269"
	const padded = "L8B9KEhI82XrLf2luzis2HixXJ+9pVoUmVXb4NRKU20="
	const printable = `R?>t7~Kq)2x]J9{vB4;mT6"pLd0^fWz8`
	for _, c := range []struct{ name, text, want string }{
		{"quotes", `"` + hex + `"`, "wrapped"},
		{"single quotes", "'" + padded + "'", "wrapped"},
		{"backquotes", "`" + padded + "`", "wrapped"},
		{"typographic quotes", "“" + padded + "”", "wrapped"},
		{"angle brackets", "<" + strong + ">", "wrapped"},
		{"a UUID in quotes", `"56692b09-75c6-47da-9396-213150e17853"`, "wrapped"},
		{"one quote", `"` + hex, ""},
		{"a name", "SECRET=" + padded, "wrapped"},
		{"a name with export", "export SECRET=" + padded, "wrapped"},
		{"a name with blanks", "SECRET = " + padded, "wrapped"},
		{"a name in YAML", "secret: " + strong, "wrapped"},
		{"a name in JSON", `"secret": "` + strong + `",`, "wrapped"},
		{"a colon without a blank", "secret:" + strong, ""},
		{"what is no name", "1=" + strong, ""},
		{"a comma", padded + ",", "wrapped"},
		{"a semicolon", hex + ";", "wrapped"},
		{"padding alone", padded, ""},
		{"more padding", padded + "=", ""},
		{"a full stop", padded + ".", "wrapped"},
		{"an escaped line break", padded + `\r\n`, "wrapped"},
		{"a percent-encoded line break", hex + "%0A", "wrapped"},
		{"a backslash at the end of the line", hex + `\`, "wrapped"},
		{"brackets", "(" + padded + ")", "wrapped"},
		{"a variable of a shell", "${" + strong + "}", "wrapped"},
		{"a template", "{{ " + padded + " }}", "wrapped"},
		{"a JSON object", `{"secret": "` + hex + `"}`, "wrapped"},
		{"escaped quotes", `\"` + padded + `\"`, "wrapped"},
		{"quotes of HTML", "&quot;" + padded + "&quot;", "wrapped"},
		{"bytes of Python", "b'" + padded + "'", "wrapped"},
		{"a string of a shell", "$'" + hex + "'", "wrapped"},
		{"a comment", padded + " # production", "wrapped"},
		{"a line of sha256sum", hex + "  -", "wrapped"},
		{"a line of openssl dgst", "SHA2-256(stdin)= " + hex, "wrapped"},
		{"a header", "Bearer " + strong, "wrapped"},
		{"a tag of YAML", "!!str " + padded, "wrapped"},
		{"an element of XML", "<secret>" + padded + "</secret>", "wrapped"},
		{"a flag", "--secret=" + hex, "wrapped"},
		{"a member without a blank", `"k":"` + hex + `"`, "wrapped"},
		{"a JWK", `{"kty":"oct","k":"` + padded + `"}`, "wrapped"},
		{"a variable of Windows", "%" + hex + "%", "wrapped"},
		{"bold text", "**" + hex + "**", "wrapped"},
		{"an entry of a list", "- " + hex, "wrapped"},
		{"brackets around other characters", "(" + printable + ")", ""},
		{"words beside other characters", "secret " + printable, ""},
		{"a byte order mark", "\ufeff" + hex, "wrapped"},
		{"a zero-width space", hex + "\u200b", "wrapped"},
		{"a soft hyphen inside", hex[:30] + "\u00ad" + hex[30:], "wrapped"},
		{"a line break inside", hex[:30] + "\n" + hex[30:], "wrapped"},
		{"a tab inside", hex[:30] + "\t" + hex[30:], "wrapped"},
		{"a NUL at the end", hex + "\x00", "wrapped"},
		{"a command", `$(openssl rand -base64 48 | tr -d "\n")`, "wrapped"},
		{"a command in quotes", `"$(head -c 32 /dev/urandom | base64)"`,
			"entropy wrapped"},
		{"a parameter", "${OFFLOAD_SECRET:?6Rk2vWq9Zx4Lm8Tp1Yc5}", "wrapped"},
		{"a dollar and brackets", "$(7?>~Kq)2x]J9{vB4;mT6pLd0^fWz8)", ""},
		{"what sops encrypted", "ENC[AES256_GCM,data:vKz4SnJ0Xq6yLw==,iv:9bq0kq2nR5cB1o7sX0rYwS2f8=," +
			"tag:Zb3T8xQ1mYk7RrWc5uHn2g==,type:str]", "wrapped"},
		{"what Vault encrypted", "vault:v1:9bq0kq2nR5cB1o7sX0rYwS2f8uQmGd3JtVhE6aPzL4cZb3T8xQ1m", "wrapped"},
		{"what Ansible encrypted", "$ANSIBLE_VAULT;1.1;AES256;62313365396662343061393464", "wrapped"},
		{"a bcrypt digest", "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "wrapped"},
		{"a bcrypt digest in quotes", "'$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'",
			"wrapped"},
		{"a line of htpasswd", "admin:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "wrapped"},
		{"a password of LDAP", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", "wrapped"},
		{"a token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQs",
			"wrapped"},
		{"dots without a token", "eyRf3t7~Kq.2x]J9{vB4;mT6.pLd0^fWz8", ""},
		{"a dollar at the start", "$5$?>t7~Kq)2x]J9{vB4;mT6pLd0^fWz8", ""},
		{"quotes around other characters", `"` + printable + `"`, ""},
		{"a short text in quotes", `"` + strong[:31] + `"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, words(secret.Policy{}.Assess(c.text)))
		})
	}
}

// TestDisguisedWordsAreRefused tries words in ROT13 and backwards, and random letters.
func TestDisguisedWordsAreRefused(t *testing.T) {
	for _, text := range []string{
		"gurdhvpxoebjasbkwhzcfbiregurynmlqbt",
		"Gur fpubby ohf vf lryybj naq ynetr",
		"godyzalehtrevospmujxofnworbkciuqeht",
		"esroh-tcerroc-yrettab-elpats-retteb",
		"nehcsuat-nebag-eid-dnu-netsag-eid-reteP",
	} {
		assert.NotEmpty(t, secret.Policy{}.Assess(text), text)
	}
	for _, text := range []string{
		"KwQnTzVbXrLpMdYgHjSfCkBvNwZxRtPqLmDs",
		"vqkzjxwpbdnhtrcfgmylsaoeuivqkzhxwpbd",
	} {
		assert.Empty(t, secret.Policy{}.Assess(text), text)
	}
}

func TestDigestsOfWordsAreRefused(t *testing.T) {
	algorithms := map[string]func([]byte) []byte{
		"MD5":     func(b []byte) []byte { d := md5.Sum(b); return d[:] },
		"SHA-1":   func(b []byte) []byte { d := sha1.Sum(b); return d[:] },
		"SHA-256": func(b []byte) []byte { d := sha256.Sum256(b); return d[:] },
		"SHA-512": func(b []byte) []byte { d := sha512.Sum512(b); return d[:] },
	}
	for _, form := range []struct {
		name, algorithm string
		encode          func([]byte) string
	}{
		{"MD5", "MD5", hex.EncodeToString},
		{"MD5 in upper case", "MD5", func(b []byte) string { return fmt.Sprintf("%X", b) }},
		{"SHA-1", "SHA-1", hex.EncodeToString},
		{"SHA-256", "SHA-256", hex.EncodeToString},
		{"SHA-256 in base64", "SHA-256", base64.StdEncoding.EncodeToString},
		{"SHA-256 in base64url", "SHA-256", base64.RawURLEncoding.EncodeToString},
		{"SHA-512", "SHA-512", hex.EncodeToString},
		{"SHA-512 in base64", "SHA-512", base64.RawStdEncoding.EncodeToString},
	} {
		encode := func(text string) string {
			return form.encode(algorithms[form.algorithm]([]byte(text)))
		}
		t.Run(form.name, func(t *testing.T) {
			for _, word := range []string{"abandon", "zoo7", "walnut!", "dragon12", "monkey123",
				"silver1234", "dragon\n", "Walnut", "Walnut\n", "Monkey123", "ZOO", "1987", "123456\n"} {
				assert.Equal(t, "published", words(secret.Policy{}.Assess(encode(word))), word)
			}
			for _, word := range []string{"abandonx", "zoo77", "!walnut", "dragon12345", "Monkey123q"} {
				assert.Empty(t, secret.Policy{}.Assess(encode(word)), word)
			}
		})
	}
	t.Run("bytes", func(t *testing.T) {
		sum := sha256.Sum256([]byte("abandon7"))
		assert.Equal(t, "published", words(secret.Policy{}.AssessBytes(sum[:])))
		assert.Equal(t, "published", words(secret.Policy{}.AssessSeed(sum[:])))
		sum[31] ^= 1
		assert.Empty(t, secret.Policy{}.AssessBytes(sum[:]))
		assert.Empty(t, secret.Policy{}.AssessSeed(sum[:]))
	})
}
