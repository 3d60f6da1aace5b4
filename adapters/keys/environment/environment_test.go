package environment_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
)

const (
	first  = "first-secret-of-the-suite"
	second = "second-secret-of-the-suite"
)

// now is a time after the SignFrom of all keys of the package.
var now = time.Unix(1700000000, 0)

// keyringOf returns the keyring of a variable's text.
func keyringOf(t *testing.T, text string, active keys.ID) (*keys.Keyring, error) {
	t.Helper()
	entries, err := environment.ParseEntries(text)
	require.NoError(t, err)
	return environment.Keyring(entries, active)
}

func TestActiveKeySignsAndAllVerify(t *testing.T) {
	// The ids and their order do not matter.
	for _, active := range []keys.ID{"a", "m", "z"} {
		t.Run(string(active), func(t *testing.T) {
			keyring, err := keyringOf(t,
				`{"m":"`+first+`","z":" `+second+`\n"," a ":"third"}`, active)
			require.NoError(t, err)
			source := environment.NewSource(keyring)
			signer, ok := source.Keyring().SignerAt(now)
			require.True(t, ok)
			assert.Equal(t, active, signer.ID())
			for id, secret := range map[keys.ID]string{"m": first, "z": second, "a": "third"} {
				key, ok := source.Keyring().VerifierAt(id, now)
				assert.True(t, ok)
				assert.Equal(t, []byte(secret), key.Secret())
			}
			_, waits := keyring.NextSignerFrom(time.Unix(1, 0))
			assert.False(t, waits)
		})
	}
}

func TestKeyringOfOneSecret(t *testing.T) {
	keyring, err := environment.Keyring([]environment.Entry{environment.NewEntry(" k ",
		" "+first+"\u2003")}, "k")
	require.NoError(t, err)
	signer, ok := keyring.SignerAt(now)
	require.True(t, ok)
	assert.Equal(t, []byte(first), signer.Secret())
}

func TestKeyringOfMaterialKeepsBytes(t *testing.T) {
	material := []byte(" \xff\x00 ")
	signer, ok := environment.KeyringOfMaterial(material, "k").SignerAt(now)
	require.True(t, ok)
	assert.Equal(t, keys.ID("k"), signer.ID())
	assert.Equal(t, material, signer.Secret())
}

func TestKeyringReportsEveryFault(t *testing.T) {
	type faults = environment.Faults
	for name, c := range map[string]struct {
		text string
		want faults
	}{
		"no keys":       {`{}`, faults{{Reason: environment.ReasonNoKeys}}},
		"no active key": {`{"b":"x"}`, faults{{Reason: environment.ReasonActive}}},
		"an empty id": {`{"a":"x"," ":"y"}`,
			faults{{Reason: environment.ReasonID, Entry: 2}}},
		"an id that is too long": {`{"a":"x","` + strings.Repeat("k", 65) + `":"y"}`,
			faults{{Reason: environment.ReasonID, Entry: 2}}},
		"an invalid id": {`{"a":"x","b c":"y"}`,
			faults{{Reason: environment.ReasonID, Entry: 2}}},
		"an id twice": {`{"a":"x","b":"y","a":"z"}`,
			faults{{Reason: environment.ReasonSameID, Entry: 3, Other: 1}}},
		"an id twice, trimmed": {`{"a":"x","\ta":"z"}`,
			faults{{Reason: environment.ReasonSameID, Entry: 2, Other: 1}}},
		"not strings": {`{"a":1,"b":null,"c":{},"d":true}`,
			faults{{Reason: environment.ReasonNotString, Entry: 1},
				{Reason: environment.ReasonNotString, Entry: 2},
				{Reason: environment.ReasonNotString, Entry: 3},
				{Reason: environment.ReasonNotString, Entry: 4}}},
		"empty secrets": {`{"a":"","b":" \u2003"}`,
			faults{{Reason: environment.ReasonEmpty, Entry: 1},
				{Reason: environment.ReasonEmpty, Entry: 2}}},
		"one secret twice": {`{"a":"x","b":"y","c":" x"}`,
			faults{{Reason: environment.ReasonSameMaterial, Entry: 3, Other: 1}}},
		"every fault": {`{"":"","b":"x","b":"x","c":"x"}`, faults{
			{Reason: environment.ReasonID, Entry: 1}, {Reason: environment.ReasonEmpty, Entry: 1},
			{Reason: environment.ReasonSameID, Entry: 3, Other: 2},
			{Reason: environment.ReasonSameMaterial, Entry: 4, Other: 2},
			{Reason: environment.ReasonActive},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			keyring, err := keyringOf(t, c.text, "a")
			assert.Nil(t, keyring)
			var got environment.Faults
			require.ErrorAs(t, err, &got)
			assert.Equal(t, c.want, got)
		})
	}
	t.Run("invalid UTF-8", func(t *testing.T) {
		_, err := environment.Keyring([]environment.Entry{environment.NewEntry("a", "x\xff")}, "a")
		assert.Equal(t, environment.Faults{{Reason: environment.ReasonUTF8, Entry: 1}}, err)
	})
}

func TestParseEntriesRefusesNonObjects(t *testing.T) {
	for _, text := range []string{`"x"`, "[]", "null", "7"} {
		entries, err := environment.ParseEntries(text)
		assert.Nil(t, entries, text)
		assert.Equal(t, environment.Faults{{Reason: environment.ReasonNotObject}}, err, text)
	}
	for text, column := range map[string]int{"": 1, " ": 2, "x": 1, `{"a":"x"`: 9, `{"a":"x"}{}`: 10,
		`{"a":"x",}`: 10, "{\"a\":\"\xff\"}": 7, "\ufeff{}": 1, `{"a":"\ud800"}`: 13} {
		entries, err := environment.ParseEntries(text)
		assert.Nil(t, entries, text)
		assert.Equal(t, environment.Faults{{Reason: environment.ReasonNotJSON,
			At: strict.Position{Line: 1, Column: column}}}, err, text)
	}
}

func TestTextsHideSecretsAndIDs(t *testing.T) {
	entries, err := environment.ParseEntries(`{"` + first + `":"` + second + `","b":"` + second +
		`","` + first + `":"","c d":"` + first + `"}`)
	require.NoError(t, err)
	_, err = environment.Keyring(entries, "a")
	require.Error(t, err)
	text := err.Error()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text += fmt.Sprintf(verb, entries) + fmt.Sprintf(verb, entries[0]) +
			fmt.Sprintf(verb, err.Error())
	}
	for _, secret := range []string{first, second} {
		assert.NotContains(t, text, secret)
		assert.NotContains(t, text, fmt.Sprintf("%x", secret))
	}
}

func TestEveryReasonHasText(t *testing.T) {
	seen := map[string]bool{}
	for reason := environment.ReasonNone; reason <= environment.ReasonActive; reason++ {
		text := environment.Fault{Reason: reason, Entry: 3, Other: 2}.String()
		assert.NotEqual(t, "unknown fault", text)
		assert.False(t, seen[text], text)
		seen[text] = true
	}
	assert.Equal(t, "unknown fault",
		environment.Fault{Reason: environment.ReasonActive + 1}.String())
}
