package token_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/token"
)

// draft is a token before it is encoded, to which the steps of the test are applied.
type draft struct {
	header, payload members
	key             keys.Key // signs the token
	tail            string   // appended to the signature
	cut             int      // number of bytes missing from the signature
	forged          bool
}

func (d draft) text() string {
	first := encoded(d.payload.json())
	if d.header != nil {
		first = encoded(d.header.json()) + "." + first
	}
	signature := d.key.Sign([]byte(first))
	if d.forged {
		signature[0] ^= 1
	}
	return first + "." + encoded(string(signature[:len(signature)-d.cut])) + d.tail
}

// TestOrderOfChecks makes one check after the other fail, starting with the last one, and keeps
// every earlier flaw: the reason must always be that of the newest flaw, whose check comes first.
// It does so for either form.
func TestOrderOfChecks(t *testing.T) {
	type step struct {
		reason  token.Reason
		apply   func(*draft)
		jwsOnly bool
	}
	set := func(pairs ...string) func(*draft) {
		return func(d *draft) {
			d.payload = d.payload.with(pairs...)
		}
	}
	steps := []step{
		{token.ReasonExpired, set("iat", "1", "nbf", "1", "exp", iat), false},
		{token.ReasonInstants, set("nbf", iat), false},
		{token.ReasonAudience, set("aud", `"other"`), false},
		{token.ReasonIssuer, set("iss", `"other"`), false},
		{token.ReasonVersion, set("v", "1"), false},
		{token.ReasonClaimBounds, set("install_id", `"short"`), false},
		{token.ReasonClaimType, set("iat", `"1"`), false},
		{token.ReasonClaimMissing, func(d *draft) { d.payload = d.payload.without("v") }, false},
		{token.ReasonSignature, func(d *draft) { d.forged = true }, false},
		{token.ReasonAlgorithm, func(d *draft) {
			d.name(map[bool]string{true: "kid", false: "pair"}[d.header != nil])
		}, false},
		{token.ReasonUnknownKey, func(d *draft) { d.name("unknown") }, false},
		{token.ReasonHeader, func(d *draft) {
			d.header = append(d.header, [2]string{"crit", `["exp"]`})
		}, true},
		{token.ReasonJSON, func(d *draft) { d.header = append(d.header, [2]string{"crit", `[]`}) },
			true},
		{token.ReasonJSON, func(d *draft) {
			d.payload = append(d.payload,
				[2]string{"aud", `"other"`})
		}, false},
		{token.ReasonSignatureLength, func(d *draft) { d.cut = 1 }, false},
		{token.ReasonEncoding, func(d *draft) { d.tail = "=" }, false},
		{token.ReasonSegments, func(d *draft) { d.tail += strings.Repeat(".AA", 3) }, false},
		{token.ReasonTooLong, func(d *draft) {
			d.tail += strings.Repeat("A", token.MaxLength)
		}, false},
	}
	for form, d := range map[string]draft{
		"compact": {payload: valid(), key: kid},
		"JWS": {header: members{{"alg", `"EdDSA"`}, {"kid", `"pair"`}}, payload: pairValid(),
			key: pair},
	} {
		t.Run(form, func(t *testing.T) {
			require.Equal(t, token.Reason(""), jwsReason(t, d.text()))
			var applied []token.Reason
			for _, step := range steps {
				if step.jwsOnly && d.header == nil {
					continue
				}
				step.apply(&d)
				applied = append(applied, step.reason)
				assert.Equal(t, step.reason, jwsReason(t, d.text()))
			}
			slices.Reverse(applied)
			assert.IsNonDecreasing(t, places(applied), "steps must be in the order of the contract")
		})
	}
}

// name makes header and claim name another key.
func (d *draft) name(kid string) {
	d.payload = d.payload.with("kid", `"`+kid+`"`)
	if d.header != nil {
		d.header = d.header.with("kid", `"`+kid+`"`)
	}
}

// places returns the index of each reason in the list of all reasons.
func places(reasons []token.Reason) []int {
	var at []int
	for _, reason := range reasons {
		at = append(at, slices.Index(token.Reasons(), reason))
	}
	return at
}
