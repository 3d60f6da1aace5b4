package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
)

// TestInstallIDIsNeverShown formats an install id with every verb of fmt, alone and inside every
// kind of value that can hold one.
func TestInstallIDIsNeverShown(t *testing.T) {
	const text = "kT7pXw29-shibboleth"
	id, violated := session.ParseInstallID(text)
	require.Equal(t, session.RuleNone, violated)
	good := session.Input{Text: "1.0"}
	request, err := session.NewRequest(session.Input{Text: text}, good, good, session.RuleNone)
	require.NoError(t, err)
	claims := session.Claims{KeyID: keys.ID("kid"), InstallID: id}
	type open struct{ ID session.InstallID }
	type closed struct{ id session.InstallID }
	type deep struct{ items []map[string]closed }
	for name, value := range map[string]any{
		"value":               id,
		"pointer":             &id,
		"list":                []session.InstallID{id},
		"list of pointers":    []*session.InstallID{&id},
		"array":               [1]session.InstallID{id},
		"map":                 map[string]session.InstallID{"id": id},
		"interface":           []any{id},
		"exported field":      open{id},
		"exported, pointer":   &open{id},
		"unexported field":    closed{id},
		"unexported, pointer": &closed{id},
		"unexported, deep":    deep{[]map[string]closed{{"id": {id}}}},
		"claims":              claims,
		"pointer to claims":   &claims,
		"claims, unexported":  struct{ claims session.Claims }{claims},
		"request":             request,
		"pointer to request":  &request,
		"request, unexported": struct{ request *session.Request }{&request},
		"in an error":         fmt.Errorf("session: %v", claims),
		"joined errors":       errors.Join(fmt.Errorf("%+v", request), fmt.Errorf("%#v", id)),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b",
			"%c", "%e", "%t", "%p", "%U", "%T", "%z"} {
			shown := fmt.Sprintf(verb, value)
			assert.NotContains(t, shown, text, "%s with %s", name, verb)
			assert.NotContains(t, shown, fmt.Sprintf("%x", text), "%s with %s", name, verb)
			assert.NotContains(t, shown, fmt.Sprintf("%X", text), "%s with %s", name, verb)
		}
		assert.NotContains(t, fmt.Sprint(value), text, name)
		if written, err := json.Marshal(value); err == nil {
			assert.NotContains(t, string(written), text, name)
		}
	}
	assert.Equal(t, "[install id]", id.String())
	assert.Equal(t, "[install id]", fmt.Sprintf("%#v", id))
	assert.Equal(t, "{Bound:false KeyID:kid IssuedAt:0 NotBefore:0 Issuer: Audience: "+
		"InstallID:[install id] ExpiresAt:0}", fmt.Sprintf("%+v", claims))
}

func TestViolationsNeverShowAValue(t *testing.T) {
	const text = "short!"
	_, err := session.NewRequest(session.Input{Text: text},
		session.Input{Text: text + text + text + text + text + text}, session.Input{},
		session.RuleNone)
	require.Error(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(verb, err), text)
	}
}
