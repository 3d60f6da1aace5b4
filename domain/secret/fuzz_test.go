package secret_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/secret"
)

func FuzzAssess(f *testing.F) {
	for _, seed := range []string{
		"", " ", "-", "=", "\xff", "\u212A", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", strong,
		"  " + strong + "\n", published,
		"00000000-0000-4000-8000-000000000001", "S3cr3t-P@$$w0rd-Ch4ng3m3-S3cr3t-P@$$w0rd",
		"cGxlYXNlLWNoYW5nZS10aGlzLXNpZ25pbmctc2VjcmV0",
		"6368616E67656D656368616E67656D656368616E67656D65",
		"qwertyuiop0123456789", "é.myé", "\u0085\x85",
		"\ufeff\"SECRET=" + strong + "\",", "3710172744711151863014877881275",
		"ph1l@d3lph1@-D0LPH1N", "1qaz!QAZ2wsx@WSX", "%61%62\\x63:64,0x65", "a\x00b\x00c\x00",
		"f40cc3ca3d5b5b4e3a4c5b2dc6b5d0f1",
	} {
		f.Add(seed)
	}
	policy := secret.NewPolicy([]string{strong})
	f.Fuzz(func(t *testing.T, text string) {
		found := policy.Assess(text)
		assert.Equal(t, found, policy.Assess(text), "must be deterministic")
		assert.Equal(t, found, policy.Assess(secret.Trim(text)),
			"surrounding white space must not matter")
		for _, found := range [][]secret.Finding{found, policy.AssessBytes([]byte(text)),
			policy.AssessSeed([]byte(text))} {
			assert.True(t, slices.IsSortedFunc(found, compareFindings), "findings must be in order")
			assert.Len(t, slices.Compact(slices.Clone(found)), len(found),
				"findings must be unique")
		}
		for _, f := range found {
			if f.Decoded {
				assert.Contains(t, []secret.Rule{secret.RulePlaceholder, secret.RuleEntropy,
					secret.RulePublished, secret.RuleChosen}, f.Rule)
			}
		}
	})
}

// compareFindings orders findings: those on the secret itself before those on what it decodes to,
// each in the order of the rules.
func compareFindings(a, b secret.Finding) int {
	if a.Decoded != b.Decoded {
		if a.Decoded {
			return 1
		}
		return -1
	}
	return int(a.Rule) - int(b.Rule)
}
