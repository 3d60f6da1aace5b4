package secret

// Rule names one rule of the policy. It is stable: programs and messages may rely on it. The zero
// value is not a rule.
type Rule uint8

// The rules, in the order in which their findings are reported.
const (
	// RuleLength requires 32 to 1024 characters, or bytes if the secret is bytes.
	RuleLength Rule = iota + 1
	// RuleVariety requires 6 different characters or bytes.
	RuleVariety
	// RulePlaceholder refuses secrets made only of common words and digits.
	RulePlaceholder
	// RuleEntropy requires an estimate of 112 bits (the minimum strength of NIST SP 800-131A).
	RuleEntropy
	// RulePublished refuses secrets that are publicly known or on the operator's list.
	RulePublished
)

// lastRule is the last of the rules above.
const lastRule = RulePublished

// String returns the rule's name: "length", "variety", "placeholder", "entropy" or "published", and
// "unknown" for any other value.
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

// Finding is one weakness of a secret. It never holds any part of the secret.
type Finding struct {
	// Rule is the rule that the secret violates.
	Rule Rule
	// Decoded reports that the text which the secret decodes to, from hex or base64, violates the
	// rule.
	Decoded bool
}

// String describes the weakness as part of a sentence, such as "has fewer than 112 bits by
// estimate". It holds no value.
func (f Finding) String() string {
	if f.Decoded {
		return "decodes from hex or base64 to a text that " + f.Rule.wrong()
	}
	return f.Rule.wrong()
}

// wrong describes a secret that violates the rule.
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

// add adds a finding to the set.
func (s *findings) add(rule Rule, decoded bool) {
	*s |= bit(rule, decoded)
}

// list returns the findings in order: first on the secret itself, then on the decoded text, each in
// the order of the rules. It returns nil for an empty set.
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

// bit returns the bit of a finding in the set.
func bit(rule Rule, decoded bool) findings {
	if decoded {
		return 1 << (rule + lastRule)
	}
	return 1 << rule
}
