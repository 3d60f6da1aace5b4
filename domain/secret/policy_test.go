package secret_test

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/secret"
)

// strong is 43 random characters without findings.
const strong = "xSJmd-09H0na5mqyA71YnlD1QRNo3zjsyHGzu2iZtJc"

// published is on the embedded list, has more than 112 bits by estimate, and contains words that
// are not listed.
const published = "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long"

// words returns the findings as one line: "length entropy decoded:placeholder".
func words(found []secret.Finding) string {
	list := make([]string, len(found))
	for i, f := range found {
		list[i] = f.Rule.String()
		if f.Decoded {
			list[i] = "decoded:" + list[i]
		}
	}
	return strings.Join(list, " ")
}

// lines reads a list with one secret on each line and no comments, because a secret may start with
// any character.
func lines(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	list := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	require.Greater(t, len(list), 20)
	return list
}

func TestWeakSecretsAreRefused(t *testing.T) {
	for _, text := range lines(t, "weak_secrets.txt") {
		t.Run(text, func(t *testing.T) {
			assert.NotEmpty(t, secret.Policy{}.Assess(text))
			assert.NotEmpty(t, secret.Policy{}.AssessBytes([]byte(text)))
		})
	}
}

func TestStrongSecretsPass(t *testing.T) {
	for _, text := range lines(t, "strong_secrets.txt") {
		t.Run(text, func(t *testing.T) {
			assert.Empty(t, secret.Policy{}.Assess(text))
			assert.Empty(t, secret.Policy{}.AssessBytes([]byte(text)))
		})
	}
}

type textCase struct{ name, text, want string }

// assess compares the findings of cases apart from RuleChosen, which refuses most texts that tests
// of other rules are made of.
func assess(t *testing.T, cases []textCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, words(unchosen(secret.Policy{}.Assess(c.text))))
		})
	}
}

// unchosen returns the findings apart from RuleChosen.
func unchosen(found []secret.Finding) []secret.Finding {
	return slices.DeleteFunc(found, func(f secret.Finding) bool {
		return f.Rule == secret.RuleChosen
	})
}

func TestLength(t *testing.T) {
	// Random letters and digits, and random letters of scripts with two and three bytes per
	// character.
	const (
		unit  = "k7Qz2mXw9RtB4vLc8HnJ6pYd3sGf5TjE" // 32
		greek = "θξβψλφτγπδχσζωαρκνμεηοιυΘΞΒΨΛΦΤΓ" // 32, of which 24 differ
	)
	random := rand.NewChaCha8([32]byte{})
	long := base64.RawURLEncoding.EncodeToString(draw(random, 768)) // 1024
	assess(t, []textCase{
		{"31", unit[:31], "length"},
		{"32", unit, ""},
		{"1024", long, ""},
		{"1025", long + "q", "length"},
		{"32 characters in 64 bytes", greek, ""},
		{"31 characters in 62 bytes", strings.TrimSuffix(greek, "Γ"), "length"},
		{"1024 characters in more bytes", long[:992] + greek, ""},
		{"32 including trimmed white space", " \t" + unit[:31] + "\n", "length"},
		{"white space inside counts", unit[:16] + " " + unit[16:31], ""},
		{"far too long", strings.Repeat(long, 1000), "length"},
		{"empty", "", "length variety entropy"},
		{"only white space", " \t\r\n\u00a0\u2003\u3000", "length variety entropy"},
	})
}

func TestVariety(t *testing.T) {
	assess(t, []textCase{
		{"5", strings.Repeat("kqzwj", 8), "variety entropy"},
		{"6", strings.Repeat("kqzwjx", 8), "entropy"},
		{"5, and 6 with both cases", strings.Repeat("kqzwjK", 8), "entropy"},
		{"5, late in the text", strings.Repeat("k", 50) + "qzwj", "variety entropy"},
		{"6, late in the text", strings.Repeat("k", 50) + "qzwjx", "entropy"},
		{"5 multi-byte characters", strings.Repeat("🙂жé中-", 8), "variety entropy"},
		{"6 multi-byte characters", strings.Repeat("🙂жé中-ö", 8), "entropy"},
		{"invalid bytes are one character", strings.Repeat("\xff\xfe\xfd\xfc\xfb\xfa", 8),
			"variety entropy"},
	})
}

func TestPlaceholder(t *testing.T) {
	// abandon, zebra and token are listed; zq and dv are not. Each text is long and varied enough
	// for more than 112 bits, so that the placeholder rule is the only possible finding.
	const filler = "abandon zebra token monkey silver oxygen guitar velvet walnut pepper rocket shadow "
	assess(t, []textCase{
		{"words", filler + "zone", "placeholder"},
		{"words in any case with any punctuation", strings.ToUpper(filler) + "__«Zone»!!",
			"placeholder"},
		{"words and digits", filler + "20251", "placeholder"},
		{"words without separators", strings.ReplaceAll(filler, " ", "") + "zonezoo9",
			"placeholder"},
		{"a listed word with digits", filler + "base64hs256x509", "placeholder"},
		{"a word with punctuation inside", filler + "zo.ne", "placeholder"},
		{"single letters", filler + "a b", "placeholder"},
		{"single letters between punctuation", "v." + filler + "-x_", "placeholder"},
		{"two letters together", filler + "zq", ""},
		{"a letter next to a digit", filler + "v1", ""},
		{"a letter next to a word", filler + "zonex", ""},
		{"a word of two letters need not stand alone", filler + "nothingtome", "placeholder"},
		{"a prefix of a listed word", filler + "zo", ""},
		{"a letter that folds", filler + "zone \u212Aey", "placeholder"},          // Kelvin sign
		{"another letter that folds", filler + "zone \u017fecret", "placeholder"}, // long s
		{"a combining accent is removed", filler + "zo\u0301ne", "placeholder"},
		{"an accented letter is a letter", filler + "zóne", ""},
		// tokens, ecure.
		{"not by the longest word first", filler + "tokensecure", "placeholder"},
		{"a word spelled with digits is not listed", filler + "p4ssw0rd", ""},
		{"single letters and digits without a word",
			"q 7 w 1 r 4 t 9 y 2 p 5 z 8 d 3 g 6 h 0 j 1 k 4 l 7 x 2 v 9", ""},
		{"the same with one word",
			"q 7 w 1 r 4 t 9 y 2 p 5 z 8 d 3 g 6 h 0 j 1 k 4 l 7 x 2 v 9 zoo", "placeholder"},
		{"the same with a word that is also a letter and digits",
			"x 509 q 7 w 1 r 4 t 9 y 2 p 5 z 8 d 3 g 6 h 0 j 1 k 4 l 7 v 9", "placeholder"},
		{"the same with marks, as a generator writes them",
			"q.7=w;1^r/4+t%9!y&2?p(5)z[8]d3}g{6|h#0j$1-k,4:zoo", ""},
		{"only digits", "31415.92653589.7932384626.43383279", ""},
		{"hex is left to the estimate", "decade-face-7193620485-fade-feed-add", ""},
		{"upper-case hex is left to the estimate", "DECADE-FACE-7193620485-FADE-FEED-ADD", ""},
		{"a word before random hex", "secret-e7f488c24f11a73f727cdb03c097ba20", ""},
	})
}

func TestEntropy(t *testing.T) {
	assess(t, []textCase{
		{"hex of 28 digits, 112 bits", "7f3a-91c6-0d5e-b824-6a1f-9c03-e5d7----", ""},
		{"hex of 27 digits, 108 bits", "7f3a-91c6-0d5e-b824-6a1f-9c03-e5d-----", "entropy"},
		{"34 decimal digits, 112.2 bits", "2718182845904523536028747135266249", ""},
		{"33 decimal digits, 108.9 bits", "271818284590452353602874713526624", "entropy"},
		{"hex in upper case", "7F3A91C60D5EB8246A1F9C03E5D7", "length"},
		// 21 characters at 5 bits, a character next to the repeat at 1, a repeat of 9 characters at
		// 5, and a character next to it at 1 make 112.
		{"punctuation, 112 bits", `!"#$%&'()*+,-./:;<=>?@` + `!"#$%&'()` + "~", ""},
		// 20 characters at 5 bits, a character next to a repeat at 1, and two repeats at 5 make
		// 111.
		{"punctuation, 111 bits", `!"#$%&'()*+,-./:;<=>?` + `!"#$%&` + `*+,-./`, "entropy"},
		// The first one with a repeat of 10 and one character fewer: 107.
		{"punctuation, 107 bits", `!"#$%&'()*+,-./:;<=>?` + `!"#$%&'()*` + "~", "entropy"},
	})
}

func TestPublished(t *testing.T) {
	assess(t, []textCase{
		{"jwt.io, HS256", "a-string-secret-at-least-256-bits-long",
			"placeholder entropy published"},
		{"jwt.io, HS384", "a-valid-string-secret-that-is-at-least-384-bits-long",
			"placeholder published"},
		{"jwt.io, HS512", published, "published"},
		{"Supabase", "super-secret-jwt-token-with-at-least-32-characters-long",
			"placeholder entropy published"},
		{"RFC 7515 key in base64url",
			"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
			"published"},
		{"SHA-256 of nothing", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"published"},
		{"the same in upper case",
			"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "published"},
		{"trimmed", "\u2003" + published + "\n", "published"},
		{"case is significant", "A" + published[1:], ""},
		{"a longer text", published + "er", ""},
	})
}

func TestDeniedSecrets(t *testing.T) {
	policy := secret.NewPolicy([]string{"", " \t", "  " + strong + "\n", "\n\n"})
	t.Run("an entry", func(t *testing.T) {
		assert.Equal(t, "published", words(policy.Assess(strong)))
		assert.Equal(t, "published", words(policy.Assess("\t"+strong)))
		assert.Equal(t, "published", words(policy.AssessBytes([]byte(strong))))
		assert.Equal(t, "published", words(policy.AssessSeed([]byte(strong))))
	})
	t.Run("case is significant", func(t *testing.T) {
		assert.Empty(t, policy.Assess("X"+strong[1:]))
	})
	t.Run("an entry that a secret decodes to", func(t *testing.T) {
		assert.Equal(t, "decoded:published", words(
			policy.Assess(hex.EncodeToString([]byte(strong)))))
	})
	t.Run("the embedded list still applies", func(t *testing.T) {
		assert.Equal(t, "published", words(unchosen(policy.Assess(published))))
	})
	t.Run("a blank entry denies nothing", func(t *testing.T) {
		assert.Equal(t, "length variety entropy", words(policy.Assess("")))
	})
	t.Run("entries belong to one policy", func(t *testing.T) {
		assert.Empty(t, secret.Policy{}.Assess(strong))
		assert.Empty(t, secret.NewPolicy(nil).Assess(strong))
	})
}

// each returns each byte in a format, with a separator between them.
func each(b []byte, format, separator string) string {
	items := make([]string, len(b))
	for i := range b {
		items[i] = fmt.Sprintf(format, b[i])
	}
	return strings.Join(items, separator)
}

func TestDecoded(t *testing.T) {
	forms := []struct {
		name   string
		encode func([]byte) string
	}{
		{"hex", hex.EncodeToString},
		{"hex in upper case", func(b []byte) string {
			return strings.ToUpper(hex.EncodeToString(b))
		}},
		{"base64", base64.StdEncoding.EncodeToString},
		{"base64 without padding", base64.RawStdEncoding.EncodeToString},
		{"base64url", base64.URLEncoding.EncodeToString},
		{"base64url without padding", base64.RawURLEncoding.EncodeToString},
		{"base32", base32.StdEncoding.EncodeToString},
		{"base32 in lower case without padding", func(b []byte) string {
			return strings.ToLower(strings.TrimRight(base32.StdEncoding.EncodeToString(b), "="))
		}},
		{"hex with 0x", func(b []byte) string { return "0x" + hex.EncodeToString(b) }},
		{"percent", func(b []byte) string { return each(b, "%%%02X", "") }},
		{"escapes", func(b []byte) string { return each(b, `\x%02x`, "") }},
		{"hex bytes", func(b []byte) string { return each(b, "%02x", ":") }},
		{"hex bytes with 0x", func(b []byte) string { return "[" + each(b, "0x%02x", ", ") + "]" }},
		{"octal bytes", func(b []byte) string { return each(b, `\%03o`, "") }},
		{"octal bytes without separators", func(b []byte) string { return each(b, "%03o", "") }},
		{"base64 with a scheme", func(b []byte) string {
			return "base64:" + base64.StdEncoding.EncodeToString(b)
		}},
		{"decimal bytes", func(b []byte) string { return each(b, "%d", ",") }},
	}
	cases := []textCase{
		{"a placeholder", "my jwt signing secret for production!?>",
			"decoded:placeholder decoded:entropy"},
		{"the same, one character less", "my jwt signing secret for production~?",
			"decoded:placeholder decoded:entropy"},
		{"the same, two characters less", "my jwt signing secret for productionx",
			"decoded:entropy"},
		{"weak only by estimate", "zebrafied-zebrafied-zebrafied-zebrafied", "decoded:entropy"},
		{"only published", published, "decoded:published"},
		{"published, with blanks around it", "  " + published + " ", "decoded:published"},
		{"strong", `R?>t7~Kq)2x]J9{vB4;mT6"pLd0^fWz8`, ""},
		{"hex of 16 random bytes", "e7f488c24f11a73f727cdb03c097ba20", ""},
		{"encoded twice", base64.StdEncoding.EncodeToString(
			[]byte("please-change-this-signing-secret")),
			"decoded:placeholder decoded:entropy"},
		{"encoded three times", hex.EncodeToString([]byte(base64.StdEncoding.EncodeToString(
			[]byte("please-change-this-signing-secret")))), ""},
		{"a control character among many others", "my jwt signing secret for\tproduction!?>",
			"decoded:placeholder decoded:entropy"},
		{"too many control characters", "\x01my\tjwt\x01signing\x02secret\x03for\x04us\x01", ""},
		{"characters beyond ASCII", "abandon – zebra – token – monkey",
			"decoded:placeholder decoded:entropy"},
		{"what is stripped", "\ufeff\x00my jwt signing secret for production!?>\r\n\x00",
			"decoded:placeholder decoded:entropy"},
		{"UTF-16", "a\x00b\x00a\x00n\x00d\x00o\x00n\x00a\x00b\x00a\x00n\x00d\x00o\x00n\x00",
			"decoded:placeholder decoded:entropy"},
		{"UTF-16, big endian", "\x00a\x00b\x00a\x00n\x00d\x00o\x00n\x00a\x00b\x00a\x00n\x00d\x00o\x00n",
			"decoded:placeholder decoded:entropy"},
	}
	for _, form := range forms {
		for _, c := range cases {
			t.Run(form.name+"/"+c.name, func(t *testing.T) {
				encoded := form.encode([]byte(c.text))
				// Hex of text often repeats itself; its own entropy is not tested here.
				got := strings.TrimSpace(strings.TrimPrefix(words(unchosen(
					secret.Policy{}.Assess(encoded))), "entropy"))
				assert.Equal(t, c.want, got)
			})
		}
	}
	assess(t, []textCase{
		{"both alphabets are used above", base64.RawStdEncoding.EncodeToString(
			[]byte("my jwt signing secret for production?~>")),
			"decoded:placeholder decoded:entropy"},
		{"decoded length is not checked",
			hex.EncodeToString([]byte("Kq7zW2xJ9vB4mT6p")), "decoded:entropy"},
		{"shorter than 24 bytes, with a control character",
			hex.EncodeToString([]byte("abandon\tzebra\tmonkey1")), ""},
		{"hex in groups", "6d79206a-7774207369676e-696e6720736563726574-20666f722070726f64",
			"decoded:placeholder decoded:entropy"},
		{"base64 in lines", "bXkgand0IHNpZ25pbmcgc2Vj\ncmV0IGZvciBwcm9kdWN0aW9uIHVzZQ==",
			"wrapped decoded:placeholder decoded:entropy"},
		{"hyphens and equals signs decode to nothing", "--------------------------------",
			"variety entropy"},
	})
}

func TestTrim(t *testing.T) {
	// All of the White_Space property of Unicode.
	const white = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
	assert.Equal(t, "a b", secret.Trim(white+"a b"+white))
	assert.Equal(t, "\u200ba\ufeff", secret.Trim("\u200ba\ufeff"),
		"a zero width space is not white space")
	assert.Equal(t, "\x85a\xa0", secret.Trim("\x85a\xa0"), "an invalid byte is not white space")
	assert.Empty(t, secret.Trim(white))
	assert.Empty(t, secret.Policy{}.Assess(white+strong+white))
}

func TestFindings(t *testing.T) {
	t.Run("all are reported in the order of the rules", func(t *testing.T) {
		policy := secret.NewPolicy([]string{"eeee", "xx", "abc"})
		assert.Equal(t, "length variety entropy published", words(policy.Assess("eeee")))
		assert.Equal(t, "length variety placeholder entropy", words(policy.Assess("key")))
		// 786f786f is xoxo in hex; cGFzc3dvcmQ= is password in base64.
		assert.Equal(t, "length variety entropy decoded:entropy", words(policy.Assess("786f786f")))
		assert.Equal(t, "length entropy decoded:placeholder decoded:entropy",
			words(policy.Assess("cGFzc3dvcmQ=")))
		assert.Equal(t, "length variety entropy decoded:entropy decoded:published",
			words(policy.Assess("7878")))
	})
	t.Run("each rule has a word and a description", func(t *testing.T) {
		want := map[secret.Rule]string{
			secret.RuleLength:      "length: is not 32 to 1024 characters or bytes long",
			secret.RuleVariety:     "variety: has fewer than 6 different characters or bytes",
			secret.RulePlaceholder: "placeholder: is made of common words and digits only",
			secret.RuleEntropy:     "entropy: has fewer than 112 bits by estimate",
			secret.RulePublished:   "published: is publicly known or on the list of denied secrets",
			secret.RuleWrapped: "wrapped: has quotes, a name, a comment, a mark or an invisible character that " +
				"a tool seems to have added, or is a command, a hash or a token in place of a secret",
			secret.RuleChosen: "chosen: looks as if a person chose it",
			secret.Rule(0):    "unknown: breaks an unknown rule",
		}
		for rule, text := range want {
			assert.Equal(t, text, rule.String()+": "+secret.Finding{Rule: rule}.String())
		}
		decoded := secret.Finding{Rule: secret.RuleEntropy, Decoded: true}
		assert.Equal(t, "decodes from hex or base64, or from a similar encoding, to text that "+
			"has fewer than 112 bits by estimate", decoded.String())
		assert.Equal(t, "encoded, entropy", decoded.Words())
	})
}

// TestDeniedAsInAKeyset lists keys as they stand in a keyset, in the members k and d.
func TestDeniedAsInAKeyset(t *testing.T) {
	seed := sha256.Sum256([]byte("seed"))
	policy := secret.NewPolicy([]string{
		base64.RawURLEncoding.EncodeToString([]byte(strong)),
		base64.RawURLEncoding.EncodeToString(seed[:]),
	})
	assert.Equal(t, "published", words(policy.Assess(strong)))
	assert.Equal(t, "published", words(policy.AssessBytes([]byte(strong))))
	assert.Equal(t, "published", words(policy.AssessBytes(seed[:])))
	assert.Equal(t, "published", words(policy.AssessSeed(seed[:])))
	other := sha256.Sum256(seed[:])
	assert.Empty(t, policy.AssessBytes(other[:]))
}
