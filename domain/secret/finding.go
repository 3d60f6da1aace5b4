package secret

// Rule is the word for one rule of the policy. It is stable: machines and messages may rely on it. The zero value is no rule.
type Rule uint8

// The rules, in the order in which their findings are told.
const (
	// RuleLength asks for 32 to 1024 characters, or bytes where the secret is bytes.
	RuleLength Rule = iota + 1
	// RuleVariety asks for 6 different characters, or bytes.
	RuleVariety
	// RulePlaceholder refuses what is made wholly of common words and digits.
	RulePlaceholder
	// RuleEntropy asks for 112 bits by estimate (NIST SP 800-131A's least strength).
	RuleEntropy
	// RulePublished refuses what is publicly known, or on the operator's list.
	RulePublished
)

// lastRule is the last of the rules above.
const lastRule = RulePublished

// String gives the rule's word: "length", "variety", "placeholder", "entropy" or "published", and "unknown" for any other value.
func (r Rule) String() string {
	switch r {
	case RuleLength:
		return "length"
	case RuleVariety:
		return "variety"
	case RulePlaceholder:
		return "placeholder"
	case RuleEntropy:
		return "entropy"
	case RulePublished:
		return "published"
	}
	return "unknown"
}

// Finding is one thing that is weak in a secret. It never holds any part of the secret.
type Finding struct {
	// Rule is the rule that the secret breaks.
	Rule Rule
	// Decoded tells that not the secret itself breaks the rule, but the text that it decodes to from hex or base64.
	Decoded bool
}

// String says in a fragment of a sentence what is wrong, such as "has fewer than 112 bits by estimate". It holds no value.
func (f Finding) String() string {
	if f.Decoded {
		return "decodes from hex or base64 to a text that " + f.Rule.wrong()
	}
	return f.Rule.wrong()
}

// wrong says what is wrong with a secret that breaks the rule.
func (r Rule) wrong() string {
	switch r {
	case RuleLength:
		return "is not 32 to 1024 characters or bytes long"
	case RuleVariety:
		return "has fewer than 6 different characters or bytes"
	case RulePlaceholder:
		return "is made of common words and digits only"
	case RuleEntropy:
		return "has fewer than 112 bits by estimate"
	case RulePublished:
		return "is publicly known or on the list of denied secrets"
	}
	return "breaks an unknown rule"
}

// findings is a set of findings: one bit for each rule, and again for each rule on the decoded text.
type findings uint16

// add puts a finding into the set.
func (s *findings) add(rule Rule, decoded bool) {
	*s |= bit(rule, decoded)
}

// list tells the findings in their order: first on the secret itself, then on the decoded text, each in the order of the rules.
// It is nil for an empty set.
func (s findings) list() []Finding {
	if s == 0 {
		return nil
	}
	var told []Finding
	for _, decoded := range []bool{false, true} {
		for rule := RuleLength; rule <= lastRule; rule++ {
			if s&bit(rule, decoded) != 0 {
				told = append(told, Finding{Rule: rule, Decoded: decoded})
			}
		}
	}
	return told
}

// bit is the place of a finding in the set.
func bit(rule Rule, decoded bool) findings {
	if decoded {
		return 1 << (rule + lastRule)
	}
	return 1 << rule
}
