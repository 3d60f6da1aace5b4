// Package secret decides whether a signing secret is strong enough.
//
// It holds the whole secret policy: given a secret, it returns a list of findings, which is empty
// for a strong secret. All rules are checked, so that every problem is reported at once.
//
// The rule on chosen secrets (chosen.go) compares two descriptions of a secret: by a model of what
// people choose (description.go), and as the output of a generator (chosen_form.go). Its tables are
// letters.txt, which letters_test.go derives from testdata/corpus, sequences.txt and hexwords.txt.
//
// It guarantees that a judgement depends only on the secret and the policy, that no finding
// contains any part of the secret, that no input causes a panic, and that the work is bounded for
// secrets of allowed length and linear in the length for longer ones.
//
// It may import the pure standard library only.
package secret

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// The bounds of the rules on length and variety, in characters for text and in bytes for binary
// keys.
const (
	minLength  = 32
	maxLength  = 1024
	minVariety = 6
)

// Policy holds the secrets that are treated as published in addition to the embedded list. The zero
// value uses the embedded list only. A Policy is immutable and safe for concurrent use.
type Policy struct {
	denied map[[sha256.Size]byte]struct{}
}

// NewPolicy returns a policy that also refuses the secrets in denied, the list of the operator:
// text as it is, and any key in base64url, as in a JWK. Entries are trimmed as secrets are; blank
// ones are skipped. The policy keeps digests of the entries, not the entries themselves.
func NewPolicy(denied []string) Policy {
	digests := make(map[[sha256.Size]byte]struct{}, len(denied))
	for _, entry := range denied {
		if entry = Trim(entry); entry != "" {
			digests[sha256.Sum256([]byte(entry))] = struct{}{}
		}
	}
	return Policy{denied: digests}
}

// Trim removes white space (the White_Space property of Unicode) from both ends of a text.
func Trim(text string) string {
	// strings.TrimSpace uses unicode.IsSpace, which is that property.
	return strings.TrimSpace(text)
}

// Assess judges a secret that is text, after trimming it. It returns every finding in a fixed
// order, and none for a strong secret. Text that is not valid UTF-8 is judged too: each invalid
// byte counts as the character U+FFFD.
func (p Policy) Assess(text string) []Finding {
	return p.assess(Trim(text)).list()
}

// AssessBytes judges a binary key, byte for byte and without trimming; its length is that in bytes.
// If the bytes are text (asText), all rules apply to that text. Otherwise the key must be varied
// and not published, and must be neither an arithmetic progression nor mostly one value.
func (p Policy) AssessBytes(material []byte) []Finding {
	var found findings
	judgeSize(material, &found)
	if p.isPublished(material) {
		found.add(RulePublished, false)
	}
	if text, ok := asText(material); ok {
		p.judgeText(text, &found)
	} else if isMonotonous(material) {
		found.add(RuleChosen, false)
	}
	return found.list()
}

// AssessSeed judges a private key that consists of random bytes, such as the 32 bytes of `d` of an
// Ed25519 key or of a P-256 key (RFC 8037, RFC 7518). The only rule is that it must not be
// published.
func (p Policy) AssessSeed(seed []byte) []Finding {
	var found findings
	if p.isPublished(seed) {
		found.add(RulePublished, false)
	}
	return found.list()
}

// assess judges a text without trimming it.
func (p Policy) assess(text string) findings {
	var found findings
	judgeSize([]rune(text), &found)
	p.judgeText(text, &found)
	return found
}

// judgeText checks the rules that apply to a text of any length, and to what it decodes to.
func (p Policy) judgeText(text string, found *findings) {
	if isWrapped(text) {
		found.add(RuleWrapped, false)
	}
	p.judgeContent(text, false, found)
	for _, decoded := range decodings(text) {
		p.judgeContent(decoded, true, found)
	}
	if *found == 0 {
		for _, plain := range disguises(text) {
			p.judgeContent(plain, true, found)
		}
	}
}

// judgeContent checks the rules that apply both to a text and to what it decodes to.
func (p Policy) judgeContent(text string, decoded bool, found *findings) {
	folded := fold(text)
	if isPlaceholder(folded) {
		found.add(RulePlaceholder, decoded)
	}
	if estimate(folded) < minBits {
		found.add(RuleEntropy, decoded)
	}
	if p.isPublished([]byte(text)) || isEncodedWordDigest(text) {
		found.add(RulePublished, decoded)
	}
	if isChosen([]rune(text)) {
		found.add(RuleChosen, decoded)
	}
}

// isMonotonous reports whether bytes are an arithmetic progression or mostly one value.
func isMonotonous(material []byte) bool {
	var counts [256]int
	progression := len(material) > 2
	for i, b := range material {
		counts[b]++
		if i > 1 && b-material[i-1] != material[1]-material[0] {
			progression = false
		}
	}
	return progression || slices.Max(counts[:]) > len(material)/2
}

// judgeSize checks the rules on length and variety, in characters or in bytes.
func judgeSize[unit byte | rune](units []unit, found *findings) {
	if len(units) < minLength || len(units) > maxLength {
		found.add(RuleLength, false)
	}
	if !isVaried(units) {
		found.add(RuleVariety, false)
	}
}

// isVaried reports whether units has at least minVariety different values.
func isVaried[unit byte | rune](units []unit) bool {
	var seen [minVariety]unit
	different := 0
next:
	for _, u := range units {
		for _, s := range seen[:different] {
			if s == u {
				continue next
			}
		}
		seen[different] = u
		different++
		if different == minVariety {
			return true
		}
	}
	return false
}
