// Package secret judges whether a signing secret is strong.
//
// It is the whole secret policy in one place: a secret goes in, a list of findings comes out, and
// the list is empty for a strong secret. All rules are checked, so that every weakness is reported
// at once.
//
// The result depends only on the secret and the policy, no finding holds any part of the secret, no
// input causes a panic, and the work is bounded for secrets of allowed length and linear in the
// length beyond that.
//
// It imports only the pure standard library.
package secret

import (
	"crypto/sha256"
	"strings"
)

// The bounds of the rules on length and variety, in characters of a text or bytes of a binary key.
const (
	minLength  = 32
	maxLength  = 1024
	minVariety = 6
)

// Policy knows which secrets count as published besides the embedded list. The zero value knows
// only the embedded list. A Policy is immutable and safe for concurrent use.
type Policy struct {
	denied map[[sha256.Size]byte]struct{}
}

// NewPolicy returns a policy that also refuses the operator's own list, one secret per entry. An
// entry is trimmed like a secret; a blank one is skipped. The policy keeps digests of the entries,
// not the entries.
func NewPolicy(denied []string) Policy {
	digests := make(map[[sha256.Size]byte]struct{}, len(denied))
	for _, entry := range denied {
		if entry = Trim(entry); entry != "" {
			digests[sha256.Sum256([]byte(entry))] = struct{}{}
		}
	}
	return Policy{denied: digests}
}

// Trim removes white space (Unicode's White_Space property) from both ends of a text.
func Trim(text string) string {
	// strings.TrimSpace uses unicode.IsSpace, which is that property.
	return strings.TrimSpace(text)
}

// Assess judges a secret that is text, after trimming it. It returns every finding in a fixed
// order, and none for a strong secret. Text that is not valid UTF-8 is judged too: each invalid
// byte counts as the same character.
func (p Policy) Assess(text string) []Finding {
	return p.assess(Trim(text)).list()
}

// AssessBytes judges a binary key, byte for byte and untrimmed. If all bytes are printable ASCII
// (0x20 to 0x7E), they are judged as text. Otherwise length and variety count bytes, and the bytes
// must not be published.
func (p Policy) AssessBytes(material []byte) []Finding {
	if isPrintable(material) {
		return p.assess(string(material)).list()
	}
	var found findings
	judgeSize(material, &found)
	if p.isPublished(material) {
		found.add(RulePublished, false)
	}
	return found.list()
}

// AssessSeed judges an Ed25519 private key, the 32 bytes of "d" (RFC 8037 §2). It must not be
// published; there is no other rule.
func (p Policy) AssessSeed(seed []byte) []Finding {
	var found findings
	if p.isPublished(seed) {
		found.add(RulePublished, false)
	}
	return found.list()
}

// assess judges a text as it is.
func (p Policy) assess(text string) findings {
	var found findings
	judgeSize([]rune(text), &found)
	p.judgeContent(text, false, &found)
	for _, decoded := range decodings(text) {
		p.judgeContent(Trim(decoded), true, &found)
	}
	return found
}

// judgeContent checks the rules that apply to a text and to what it decodes to.
func (p Policy) judgeContent(text string, decoded bool, found *findings) {
	folded := fold(text)
	if isPlaceholder(folded) {
		found.add(RulePlaceholder, decoded)
	}
	if estimate(folded) < minBits {
		found.add(RuleEntropy, decoded)
	}
	if p.isPublished([]byte(text)) {
		found.add(RulePublished, decoded)
	}
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

// isVaried reports whether enough of the units differ.
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
