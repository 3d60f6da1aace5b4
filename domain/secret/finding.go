package secret

// Rule is one rule of the policy. Its word is stable: programs and messages may rely on it. The
// zero value is not a rule.
type Rule uint8

// The rules, in the order in which findings are reported.
const (
	// RuleLength requires 32 to 1024 characters, or bytes if the secret is binary.
	RuleLength Rule = iota + 1
	// RuleVariety requires 6 different characters, or bytes.
	RuleVariety
	// RulePlaceholder refuses secrets that consist entirely of common words and digits.
	RulePlaceholder
	// RuleEntropy requires 112 bits by estimate (the minimum strength of NIST SP 800-131A).
	RuleEntropy
	// RulePublished refuses secrets that are publicly known or on the list of the operator.
	RulePublished
	// RuleWrapped refuses secrets that a tool seems to have wrapped, in quotes for example, and
	// text of tools in place of a secret.
	RuleWrapped
	// RuleChosen refuses secrets that look as if a person chose them.
	RuleChosen
)

// lastRule is the last of the rules above.
const lastRule = RuleChosen

// String returns the word of the rule: "length", "variety", "placeholder", "entropy", "published",
// "wrapped" or "chosen", and "unknown" for any other value.
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
	case RuleWrapped:
		return "wrapped"
	case RuleChosen:
		return "chosen"
	}
	return "unknown"
}

// Finding is one weakness of a secret. It never contains any part of the secret.
type Finding struct {
	// Rule is the rule that the secret violates.
	Rule Rule
	// Decoded is true if it is not the secret itself that violates the rule, but the text that it
	// decodes to, from hex or base64 for example.
	Decoded bool
}

// Words returns the word of the rule, after "encoded, " if it is the decoded text that violates it.
func (f Finding) Words() string {
	if f.Decoded {
		return "encoded, " + f.Rule.String()
	}
	return f.Rule.String()
}

// String describes the problem as a sentence fragment that follows the name of the secret, such as
// "has fewer than 112 bits by estimate". It contains no value.
func (f Finding) String() string {
	if f.Decoded {
		return "decodes from hex or base64, or from a similar encoding, to text that " + f.Rule.problem()
	}
	return f.Rule.problem()
}

// problem describes what is wrong with a secret that violates the rule.
func (r Rule) problem() string {
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
	case RuleWrapped:
		return "has quotes, a name, a comment, a mark or an invisible character that a tool seems to " +
			"have added, or is a command, a hash or a token in place of a secret"
	case RuleChosen:
		return "looks as if a person chose it"
	}
	return "breaks an unknown rule"
}

// findings is a set of findings: one bit for each rule, and one more for each rule on the decoded
// text.
type findings uint32

// add adds a finding to the set.
func (s *findings) add(rule Rule, decoded bool) {
	*s |= bit(rule, decoded)
}

// list returns the findings in order: first those on the secret itself, then those on the decoded
// text, each in the order of the rules. It returns nil for an empty set.
func (s findings) list() []Finding {
	if s == 0 {
		return nil
	}
	var found []Finding
	for _, decoded := range []bool{false, true} {
		for rule := RuleLength; rule <= lastRule; rule++ {
			if s&bit(rule, decoded) != 0 {
				found = append(found, Finding{Rule: rule, Decoded: decoded})
			}
		}
	}
	return found
}

// bit returns the bit of a finding in the set.
func bit(rule Rule, decoded bool) findings {
	if decoded {
		return 1 << (rule + lastRule)
	}
	return 1 << rule
}
