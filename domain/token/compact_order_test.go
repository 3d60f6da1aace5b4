package token_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/token"
)

// compactDraft is a token to which several flaws can be applied at once, such that each flaw fails
// the same check whatever else is wrong.
type compactDraft struct {
	members              members
	padding              string // value of an unknown claim
	suffix               string // appended to the payload
	padded, cut, flipped bool
	third                string // third segment
}

// text encodes the draft. What is wrong before the signature is signed as it is.
func (d compactDraft) text() string {
	payload := d.members.json()
	if d.padding != "" {
		payload = append(d.members, [2]string{"padding", `"` + d.padding + `"`}).json()
	}
	first, signature, _ := strings.Cut(signed(payload+d.suffix), ".")
	if d.padded {
		first += "="
	}
	if d.flipped {
		signature = flip(signature)
	}
	if d.cut {
		signature = signature[:40] // 30 bytes, strictly encoded
	}
	return first + "." + signature + d.third
}

// flip changes a bit in the middle, so that the base64url stays strict.
func flip(signature string) string {
	other := byte('A')
	if signature[20] == other {
		other = 'B'
	}
	return signature[:20] + string(other) + signature[21:]
}

// flaw makes a token fail one check. Check 10 is three steps here, so the steps after it are two
// higher than the numbers of the contract.
type flaw struct {
	step  int
	want  token.Reason
	name  string
	apply func(*compactDraft)
}

func set(pairs ...string) func(*compactDraft) {
	return func(d *compactDraft) { d.members = d.members.with(pairs...) }
}

var flaws = []flaw{
	{1, token.ReasonTooLong, "too long", func(d *compactDraft) {
		d.padding = strings.Repeat("x", 4096)
	}},
	{2, token.ReasonSegments, "three segments, one empty", func(d *compactDraft) { d.third = "." }},
	{3, token.ReasonEncoding, "padding", func(d *compactDraft) { d.padded = true }},
	{4, token.ReasonSignatureLength, "30 bytes", func(d *compactDraft) { d.cut = true }},
	{5, token.ReasonJSON, "text after the payload", func(d *compactDraft) { d.suffix = "x" }},
	{5, token.ReasonJSON, "a name twice", func(d *compactDraft) {
		d.members = append(d.members, [2]string{"x", "1"}, [2]string{"x", "1"})
	}},
	{7, token.ReasonUnknownKey, "an unknown key", set("kid", `"unknown"`)},
	{7, token.ReasonUnknownKey, "an ended key", set("kid", `"ended"`)},
	{7, token.ReasonUnknownKey, "no key", func(d *compactDraft) {
		d.members = d.members.without("kid")
	}},
	{8, token.ReasonSignature, "a bit", func(d *compactDraft) { d.flipped = true }},
	{9, token.ReasonClaimMissing, "a claim missing", func(d *compactDraft) {
		d.members = d.members.without("install_id")
	}},
	{9, token.ReasonClaimType, "a claim's type", set("install_id", "1")},
	{9, token.ReasonClaimBounds, "a claim's bounds", set("install_id", `"short"`)},
	{10, token.ReasonVersion, "the version", set("v", "1")},
	{11, token.ReasonIssuer, "the issuer", set("iss", `"other"`)},
	{12, token.ReasonAudience, "the audience", set("aud", `"other"`)},
	{13, token.ReasonInstants, "nbf before iat", set("iat", "1771243200", "nbf", "0")},
	{14, token.ReasonExpired, "expired", set("iat", "0", "nbf", "0", "exp", "1771243200")},
}

// TestReportsFirstFailedCheck applies every flaw alone, and then every two at once: the reason must
// be that of the earlier check.
func TestReportsFirstFailedCheck(t *testing.T) {
	for i, first := range flaws {
		t.Run(first.name, func(t *testing.T) {
			d := compactDraft{members: valid()}
			first.apply(&d)
			assert.Equal(t, first.want, reasonOf(t, d.text()), "alone")
		})
		for _, second := range flaws[i+1:] {
			if first.step == second.step {
				continue
			}
			t.Run(fmt.Sprintf("%s, %s", first.name, second.name), func(t *testing.T) {
				d := compactDraft{members: valid()}
				second.apply(&d)
				first.apply(&d)
				assert.Equal(t, first.want, reasonOf(t, d.text()))
			})
		}
	}
}

// TestReportsExpiredLast checks that a token that is invalid in any other way is never reported as
// expired, and that no claims are returned.
func TestReportsExpiredLast(t *testing.T) {
	expired := set("iat", "0", "nbf", "0", "exp", "1771243200")
	tested := 0
	for _, other := range flaws {
		if other.want == token.ReasonExpired {
			continue
		}
		tested++
		d := compactDraft{members: valid()}
		expired(&d)
		other.apply(&d)
		assert.Equal(t, other.want, reasonOf(t, d.text()), other.name)
	}
	assert.Equal(t, len(flaws)-1, tested)
	// With nbf in the future, exp cannot be past without being before nbf.
	future := valid().with("iat", "1771243300", "nbf", "1771243300", "exp", "1771243200").json()
	assert.Equal(t, token.ReasonInstants, reasonOf(t, signed(future)))
}

func TestRejectsTooLong(t *testing.T) {
	at := func(length int) string {
		for padding := range length {
			if text := (compactDraft{members: valid(),
				padding: strings.Repeat("x", padding+1)}).text(); len(text) >= length {
				return text
			}
		}
		return ""
	}
	longest := at(token.MaxLength)
	assert.Len(t, longest, 4096)
	assert.Empty(t, reasonOf(t, longest))
	assert.Equal(t, token.ReasonTooLong, reasonOf(t, at(token.MaxLength+1)))
	for name, text := range map[string]string{
		"dots":                   strings.Repeat(".", 4097),
		"letters":                strings.Repeat("A", 4097),
		"bytes, not letters":     strings.Repeat("\xff", 4097),
		"a valid one at the end": strings.Repeat(" ", 4096) + longest,
	} {
		assert.Equal(t, token.ReasonTooLong, reasonOf(t, text), name)
	}
}

func TestSegmentsAndEncoding(t *testing.T) {
	text := signed(valid().json())
	first, signature, _ := strings.Cut(text, ".")
	for name, c := range map[string]struct {
		text string
		want token.Reason
	}{
		"empty":                {"", token.ReasonSegments},
		"only a dot":           {".", token.ReasonSegments},
		"one segment":          {first, token.ReasonSegments},
		"no first":             {"." + signature, token.ReasonSegments},
		"no second":            {first + ".", token.ReasonSegments},
		"an empty one between": {first + ".." + signature, token.ReasonSegments},
		"an empty one first":   {"." + text, token.ReasonSegments},
		"an empty one last":    {text + ".", token.ReasonSegments},
		"a JWS without an algorithm": {"eyJhbGciOiJub25lIn0." + first + ".",
			token.ReasonSegments},
		"segments swapped":  {signature + "." + first, token.ReasonSignatureLength},
		"the payload twice": {first + "." + first, token.ReasonSignatureLength},
		"a signature of 31 bytes": {first + "." + signature[:42][:41] + "A",
			token.ReasonSignatureLength},
		"a signature of 33 bytes": {first + "." + signature[:42] + "AA",
			token.ReasonSignatureLength},
		"a signature of 64 bytes": {first + "." + strings.Repeat("A", 86),
			token.ReasonSignatureLength},
		"unused bits": {first + "." + signature[:42] + "9",
			token.ReasonEncoding},
		"padding":           {text + "=", token.ReasonEncoding},
		"a space before":    {" " + text, token.ReasonEncoding},
		"a line feed after": {text + "\n", token.ReasonEncoding},
		"a line feed in the payload": {first[:8] + "\n" + first[8:] + "." + signature,
			token.ReasonEncoding},
		"the other alphabet": {first + "." + strings.Repeat("+", 43),
			token.ReasonEncoding},
		"a payload of one letter": {"A." + signature, token.ReasonEncoding},
		"a signature of zeros": {first + "." + strings.Repeat("A", 43),
			token.ReasonSignature},
		"another payload's signature": {signed(valid().with("exp",
			"1771243321").json())[:len(first)] + "." + signature, token.ReasonSignature},
		"a signature by another key": {signedBy(ended, valid().json()), token.ReasonSignature},
		"signed over the decoded text": {first + "." + strings.SplitN(signed(first), ".", 2)[1],
			token.ReasonSignature},
		"a payload that is not JSON": {"AA." + signature, token.ReasonJSON},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, reasonOf(t, c.text))
		})
	}
}
