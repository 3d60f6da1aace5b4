package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
)

// thumbprint is that of RFC 7638 §3.1, which has the form that all of them have.
const thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

func parsed(t *testing.T, text string) session.InstallID {
	t.Helper()
	id, violated := session.ParseInstallID(text)
	require.Equal(t, session.RuleNone, violated)
	return id
}

func TestBindingWords(t *testing.T) {
	var words []string
	for _, binding := range session.Bindings() {
		text, err := binding.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, binding.String(), string(text))
		words = append(words, binding.String())
	}
	assert.Equal(t, []string{"off", "accept", "require"}, words)
	var zero session.Binding
	assert.Equal(t, "off", fmt.Sprint(zero), "the zero value is the default")
	assert.Equal(t, "unknown", session.Binding(9).String())
}

func TestIsThumbprint(t *testing.T) {
	for text, want := range map[string]bool{
		thumbprint:                             true,
		strings.Repeat("A", 43):                true,
		strings.Repeat("_", 42) + "8":          true,
		strings.Repeat("_", 42) + "9":          false, // a trailing bit is set: not canonical
		strings.Repeat("A", 42):                false,
		strings.Repeat("A", 44):                false,
		strings.Repeat("A", 42) + "=":          false,
		"+" + strings.Repeat("A", 42):          false,
		"/" + strings.Repeat("A", 42):          false,
		" " + strings.Repeat("A", 42):          false,
		"é" + strings.Repeat("A", 41):          false, // 43 bytes
		"é" + strings.Repeat("A", 42):          false, // 43 characters
		"install-12345":                        false,
		"3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11": false,
	} {
		assert.Equal(t, want, parsed(t, text).IsThumbprint(), text)
	}
	assert.False(t, session.InstallID{}.IsThumbprint())
}

func TestAdmitsBearer(t *testing.T) {
	key, other := parsed(t, thumbprint), parsed(t, "install-12345")
	for binding, want := range map[session.Binding][2]bool{
		session.BindingOff:     {true, true},
		session.BindingAccept:  {false, true},
		session.BindingRequire: {false, false},
		session.Binding(9):     {false, false},
	} {
		assert.Equal(t, want, [2]bool{binding.AdmitsBearer(key), binding.AdmitsBearer(other)},
			binding.String())
		assert.Equal(t, binding != session.BindingOff, binding.On())
	}
}

func TestBoundClaims(t *testing.T) {
	settings := session.Settings{Issuer: "issuer", Audience: "audience",
		OtherAudiences: []string{"other"}, BoundAudience: "audience:bound", Lifetime: time.Minute}
	id := parsed(t, thumbprint)
	want := settings.Claims(id, "kid", noon)
	assert.False(t, want.Bound)
	want.Bound, want.Audience = true, "audience:bound"
	assert.Equal(t, want, settings.BoundClaims(id, "kid", noon))

	for audience, accepted := range map[string][2]bool{ // as bearer, and bound
		"audience": {true, false}, "other": {true, false}, "audience:bound": {false, true},
		"other:bound": {false, false}, "": {false, false},
	} {
		assert.Equal(t, accepted, [2]bool{settings.Accepts(audience, false),
			settings.Accepts(audience, true)}, audience)
	}
}
