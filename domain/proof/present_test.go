package proof_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
)

// TestIssueRequiresDigestOfDPoPToken checks that ath is compared with a token of the scheme DPoP,
// and ignored without a token or with one of the scheme Bearer.
func TestIssueRequiresDigestOfDPoPToken(t *testing.T) {
	for name, c := range map[string]struct {
		draft  draft
		token  string
		bearer bool
		want   proof.Reason
	}{
		"renewal":                         {ec.valid().withToken(access), access, false, ""},
		"renewal with a proof without it": {ec.valid(), access, false, proof.ReasonNoToken},
		"another token's": {ec.valid().withToken("another"), access, false,
			proof.ReasonToken},
		"in upper case": {ec.valid().claiming("ath", `"`+strings.ToUpper(digestOf(access))+`"`),
			access, false, proof.ReasonToken},
		"empty":            {ec.valid().claiming("ath", `""`), access, false, proof.ReasonToken},
		"a bearer token":   {ec.valid(), access, true, ""},
		"a bearer's hash":  {ec.valid().withToken("another"), access, true, ""},
		"no token, a hash": {ec.valid().withToken(access), "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := presented(c.draft.text())
			p.Token, p.Bearer = c.token, c.bearer
			assert.Equal(t, c.want, issued(t, p, ec.thumbprint()))
		})
	}
}

// TestIssueWithoutProof checks that bearer sessions are issued only where no proof is required, and
// never for ids in the form of a thumbprint.
func TestIssueWithoutProof(t *testing.T) {
	p := presented()
	for id, want := range map[string][2]proof.Reason{
		anInstallID:                     {"", proof.ReasonMissing},
		ec.thumbprint():                 {proof.ReasonMissing, proof.ReasonMissing},
		strings.Repeat("A", 43):         {proof.ReasonMissing, proof.ReasonMissing},
		strings.Repeat("A", 42) + "B":   {"", proof.ReasonMissing},
		strings.Repeat("A", 42) + "=":   {"", proof.ReasonMissing},
		strings.Repeat("A", 43) + "A":   {"", proof.ReasonMissing},
		" " + ec.thumbprint()[1:]:       {"", proof.ReasonMissing},
		ec.thumbprint()[:42] + "\u00e9": {"", proof.ReasonMissing},
	} {
		for i, binding := range []session.Binding{session.BindingAccept, session.BindingRequire} {
			read, bound, err := p.Issue(installID(t, id), binding)
			assert.Equal(t, want[i], reasonOf(t, err), id)
			assert.False(t, bound)
			assert.Equal(t, proof.Proof{}, read)
		}
	}
	p.Proofs = []string{""}
	_, _, err := p.Issue(installID(t, anInstallID), session.BindingAccept)
	assert.Equal(t, proof.ReasonMalformed, reasonOf(t, err), "an empty header is one")
	for _, id := range []string{anInstallID, okp.thumbprint(), ec.thumbprint() + "=",
		" " + ec.thumbprint(), strings.ToLower(ec.thumbprint())} {
		_, _, err := presented(ec.valid().text()).Issue(installID(t, id),
			session.BindingAccept)
		assert.Equal(t, &proof.Rejection{Reason: proof.ReasonBinding}, err, id)
	}
}

// TestAccess uses bound and unbound tokens with both schemes: with the right proof, with that of
// another device, and with none.
func TestAccess(t *testing.T) {
	own, others := ec.valid().withToken(access).text(), okp.valid().withToken(access).text()
	for _, c := range []struct {
		bound, bearer bool
		proofs        []string
		want          proof.Reason
	}{
		{true, false, []string{own}, ""},
		{true, false, []string{others}, proof.ReasonBinding},
		{true, false, nil, proof.ReasonMissing},
		{true, true, []string{own}, proof.ReasonDowngrade},
		{true, true, nil, proof.ReasonDowngrade},
		{false, true, nil, ""},
		{false, true, []string{"nonsense", "nonsense"}, ""},
		{false, false, nil, proof.ReasonMissing},
		{false, false, []string{own}, proof.ReasonUnbound},
		{false, false, []string{others}, proof.ReasonUnbound},
	} {
		p := presented(c.proofs...)
		p.Token, p.Bearer = access, c.bearer
		err := p.Access(c.bound, installID(t, ec.thumbprint()))
		assert.Equal(t, c.want, reasonOf(t, err), "%+v", c)
	}
}

// TestProofIsNeverShown formats a proof with every verb, alone and inside other values.
func TestProofIsNeverShown(t *testing.T) {
	read, err := proof.Parse([]string{ec.valid().claiming("jti", `"shibboleth"`).text()})
	require.NoError(t, err)
	assert.Equal(t, ec.thumbprint()+"\x00shibboleth", read.ReplaySubject())
	type open struct{ Proof proof.Proof }
	for _, value := range []any{read, &read, open{read}, []any{read}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			shown := fmt.Sprintf(verb, value)
			assert.NotContains(t, shown, "shibboleth", verb)
			assert.NotContains(t, shown, fmt.Sprintf("%x", "shibboleth"), verb)
		}
		assertKeyHidden(t, value)
		written, err := json.Marshal(value)
		require.NoError(t, err)
		assert.NotContains(t, string(written), "shibboleth")
	}
	assertKeyHidden(t, struct{ p proof.Proof }{read})
	assertKeyHidden(t, &struct{ p *proof.Proof }{&read})
}

// assertKeyHidden checks that no verb shows the thumbprint of the key, including verbs that are
// wrong for the value, and unexported fields, whose methods fmt does not call.
func assertKeyHidden(t *testing.T, value any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%z"} {
		shown := fmt.Sprintf(verb, value)
		assert.NotContains(t, shown, ec.thumbprint(), verb)
		assert.NotContains(t, strings.ToLower(shown), fmt.Sprintf("%x", ec.thumbprint()), verb)
	}
}
