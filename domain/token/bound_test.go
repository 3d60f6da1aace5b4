package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// jkt is the thumbprint of a device key (RFC 7638 §3.1).
const jkt = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

// under returns the settings with a binding.
func under(binding session.Binding) session.Settings {
	bound := settings
	bound.Binding, bound.BoundAudience = binding, "audience:bound"
	return bound
}

// bound returns the members of the payload of a bound session.
func bound() members {
	return append(valid().with("v", "3", "aud", `"audience:bound"`, "install_id", `"`+jkt+`"`),
		[2]string{"cnf", `{"jkt":"` + jkt + `"}`})
}

// reasonsOf verifies a payload under each binding, in the order of session.Bindings, and compares
// the outcome with that of Inspect.
func reasonsOf(t *testing.T, payload string) []token.Reason {
	t.Helper()
	var reasons []token.Reason
	for _, binding := range session.Bindings() {
		claims, err := token.Verify(signed(payload), keyring, under(binding), noon)
		found := token.Inspect(signed(payload), keyring, under(binding), noon)
		var reason token.Reason
		if rejection, ok := errors.AsType[*token.Rejection](err); ok {
			reason = rejection.Reason
			assert.Equal(t, session.Claims{}, claims)
		} else {
			require.NoError(t, err)
			assert.Equal(t, claims.Bound, found.Bound)
		}
		assert.Equal(t, reason, found.Reason(), "%s: %s", binding, payload)
		reasons = append(reasons, reason)
	}
	return reasons
}

func TestSignBound(t *testing.T) {
	settings := under(session.BindingAccept)
	id := installID(t, jkt)
	assert.Equal(t, bound().json(),
		payloadOf(t, token.Sign(settings.BoundClaims(id, kid.ID(), noon), kid)))
	jws := token.Sign(settings.BoundClaims(id, pair.ID(), noon), pair)
	want := append(bound().without("cnf").with("kid", `"`+string(pair.ID())+`"`),
		[2]string{"sub", `"` + jkt + `"`}, [2]string{"cnf", `{"jkt":"` + jkt + `"}`})
	assert.Equal(t, want.json(), payloadOf(t, jws[strings.IndexByte(jws, '.')+1:]))
	claims, err := token.Verify(jws, both, settings, noon)
	require.NoError(t, err)
	assert.Equal(t, settings.BoundClaims(id, pair.ID(), noon), claims)
}

// TestVersions verifies the sessions of both versions under each binding.
func TestVersions(t *testing.T) {
	const none, version, binding = token.Reason(""), token.ReasonVersion, token.ReasonBinding
	thumbprint := valid().with("install_id", `"`+jkt+`"`)
	for name, c := range map[string]struct {
		payload members
		want    []token.Reason // off, accept, require
	}{
		"bearer":                        {valid(), []token.Reason{none, none, binding}},
		"bearer, id like a thumbprint":  {thumbprint, []token.Reason{none, binding, binding}},
		"bearer, cnf ignored":           {append(valid(), [2]string{"cnf", "5"}), []token.Reason{none, none, binding}},
		"bearer, cnf of a bound one":    {bound().with("v", "2", "aud", `"audience"`), []token.Reason{none, binding, binding}},
		"bearer, audience of the bound": {valid().with("aud", `"audience:bound"`), []token.Reason{token.ReasonAudience, token.ReasonAudience, binding}},
		"bound":                         {bound(), []token.Reason{version, none, none}},
		"bound, audience of the bearer": {bound().with("aud", `"audience"`), []token.Reason{version, token.ReasonAudience, token.ReasonAudience}},
		"bound, expired":                {bound().with("iat", "1", "nbf", "1", "exp", iat), []token.Reason{version, token.ReasonExpired, token.ReasonExpired}},
		"version 4":                     {bound().with("v", "4"), []token.Reason{version, version, version}},
	} {
		assert.Equal(t, c.want, reasonsOf(t, c.payload.json()), name)
	}
}

// TestConfirmation covers what cnf of a bound session may be.
func TestConfirmation(t *testing.T) {
	const other = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	for name, c := range map[string]struct {
		value string
		want  token.Reason
	}{
		"its key":              {`{"jkt":"` + jkt + `"}`, ""},
		"with white space":     {` { "jkt" : "` + jkt + `" } `, ""},
		"an escaped name":      {`{"\u006akt":"` + jkt + `"}`, ""},
		"another key":          {`{"jkt":"` + other + `"}`, token.ReasonBinding},
		"another member":       {`{"jkt":"` + jkt + `","x5t#S256":"a"}`, token.ReasonBinding},
		"another member first": {`{"kid":"a","jkt":"` + jkt + `"}`, token.ReasonBinding},
		"no member":            {`{}`, token.ReasonBinding},
		"another name":         {`{"JKT":"` + jkt + `"}`, token.ReasonBinding},
		"a number":             {`{"jkt":5}`, token.ReasonBinding},
		"null":                 {`null`, token.ReasonBinding},
		"a string":             {`"` + jkt + `"`, token.ReasonBinding},
		"a list":               {`[{"jkt":"` + jkt + `"}]`, token.ReasonBinding},
		"the name twice":       {`{"jkt":"` + jkt + `","jkt":"` + jkt + `"}`, token.ReasonJSON},
	} {
		off := token.ReasonVersion
		if c.want == token.ReasonJSON {
			off = c.want
		}
		assert.Equal(t, []token.Reason{off, c.want, c.want},
			reasonsOf(t, bound().with("cnf", c.value).json()), name)
	}
	assert.Equal(t, []token.Reason{token.ReasonVersion, token.ReasonBinding, token.ReasonBinding},
		reasonsOf(t, bound().without("cnf").json()), "no cnf")
	for _, id := range []string{"install-12345", jkt + "A", jkt[:42] + "t"} {
		payload := bound().with("install_id", `"`+id+`"`, "cnf", `{"jkt":"`+id+`"}`)
		assert.Equal(t, []token.Reason{token.ReasonVersion, token.ReasonBinding, token.ReasonBinding},
			reasonsOf(t, payload.json()), "%s is no thumbprint", id)
	}
}
