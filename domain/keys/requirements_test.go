package keys_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

// strongSecret returns a strong secret that depends on name.
func strongSecret(name string) []byte {
	digest := sha256.Sum256([]byte("a secret of " + name))
	return []byte(base64.RawURLEncoding.EncodeToString(digest[:]))
}

func TestRequirements(t *testing.T) {
	const weakText = "changeme"
	digestKey := strongSecret("digest key")
	weak := func(id keys.ID, plan keys.Plan) keys.Key {
		return keys.NewHS256(id, []byte(weakText+string(id)), plan)
	}
	strong := func(id keys.ID) keys.Key {
		return keys.NewHS256(id, strongSecret(string(id)), from(0))
	}
	digest := func(id keys.ID, plan keys.Plan) keys.Key { return keys.NewHS256(id, digestKey, plan) }
	public, err := keys.NewKeyring(keys.NewVerifier(keys.EdDSA, "public", pair("x", from(0)).Public(), from(0)))
	require.NoError(t, err)
	policy := secret.NewPolicy([]string{string(seedOf("denied"))})

	for name, c := range map[string]struct {
		keyring    *keys.Keyring
		digestKeys []keys.ID
		weak       []keys.ID
	}{
		"strong keys":           {newKeyring(t, strong("a"), pair("b", from(0))), nil, nil},
		"a public key":          {public, nil, nil},
		"a weak signing key":    {newKeyring(t, weak("a", from(0))), nil, []keys.ID{"a"}},
		"a weak pending key":    {newKeyring(t, weak("a", from(1))), nil, []keys.ID{"a"}},
		"a weak verifying key":  {newKeyring(t, weak("a", from(-1)), strong("b")), nil, []keys.ID{"a"}},
		"a weak expired key":    {newKeyring(t, weak("a", until(-2, -1)), strong("b")), nil, nil},
		"a weak revoked key":    {newKeyring(t, weak("a", revoked(from(0))), strong("b")), nil, nil},
		"a denied seed":         {newKeyring(t, pair("denied", from(0))), nil, []keys.ID{"denied"}},
		"the digest key":        {newKeyring(t, digest("d", from(0))), []keys.ID{"d"}, nil},
		"the digest key, ended": {newKeyring(t, digest("d", until(-2, -1))), []keys.ID{"d"}, nil},
		"everything": {newKeyring(t, weak("b", from(0)), weak("a", from(0)), digest("d", from(0))),
			[]keys.ID{"d"}, []keys.ID{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var ids []keys.ID
			for _, key := range keys.WeakKeys(placed(c.keyring), policy, noon) {
				assert.NotEmpty(t, key.Weaknesses)
				ids = append(ids, keys.ID(strings.Fields(key.Place)[1]))
			}
			assert.Equal(t, c.weak, ids)

			check := func(production bool) *keys.RefusedError {
				err := keys.NewRequirements(policy, production, digestKey, "THE_DIGEST_KEY").
					Check(placed(c.keyring), noon)
				var refused *keys.RefusedError
				if err != nil {
					require.ErrorAs(t, err, &refused)
					assert.NotContains(t, err.Error(), weakText)
				}
				return refused
			}
			if refused := check(false); c.digestKeys == nil {
				assert.Nil(t, refused)
			} else {
				assert.Equal(t, []string{"key d "}, refused.DigestKeys)
				assert.Empty(t, refused.Weak)
				assert.Equal(t, "key d is the same as THE_DIGEST_KEY", refused.Error())
			}
			if refused := check(true); c.digestKeys == nil && c.weak == nil {
				assert.Nil(t, refused)
			} else {
				assert.Len(t, refused.DigestKeys, len(c.digestKeys))
				assert.Equal(t, keys.WeakKeys(placed(c.keyring), policy, noon), refused.Weak)
				for _, key := range refused.Weak {
					for _, weakness := range key.Weaknesses {
						assert.Contains(t, refused.Error(), key.Place+weakness.String())
					}
				}
			}
			assert.NoError(t, keys.Requirements{}.Check(placed(c.keyring), noon))
		})
	}
}

// placed returns the keys of a keyring as if they were in no set.
func placed(keyring *keys.Keyring) []keys.Placed {
	var all []keys.Placed
	for _, key := range keyring.Keys() {
		all = append(all, keys.Placed{Key: key, Index: -1})
	}
	return all
}

// TestWeakKeysOfASet checks that weak keys are found in a set with faults, also without an id or
// with one that appears twice, and that each is named by its place.
func TestWeakKeysOfASet(t *testing.T) {
	weak := func(id string) jwk { return oct(id).with("k", quoted(encoded([]byte("weak "+id)))) }
	keyring, read, err := keys.ReadSet(setOf(weak("a"), oct("b"), weak("c").with("kid", `"no id"`),
		weak("d").with("kid", `"a"`), weak("e").with("revokd", "true"), weak("f").with("revoked", "true"),
		weak("g").without("sign_from"), okp("denied"), weak("h").with("k", `"*"`)))
	require.Error(t, err)
	assert.Nil(t, keyring)
	var places []string
	policy := secret.NewPolicy([]string{string(seedOf("denied")), string(secretOf("b"))})
	for _, key := range keys.WeakKeys(read, policy, noon) {
		places = append(places, key.Place)
	}
	assert.Equal(t, []string{"key 1 (a): k: ", "key 2 (b): k: ", "key 3: k: ", "key 4 (a): k: ",
		"key 5 (e): k: ", "key 7 (g): k: ", "key 8 (denied): d: "}, places)
}

func TestIsDigestKey(t *testing.T) {
	r := keys.NewRequirements(secret.Policy{}, true, []byte("key"), "K")
	assert.True(t, r.IsDigestKey([]byte("other"), []byte("key")))
	assert.False(t, r.IsDigestKey([]byte("Key"), nil))
	assert.True(t, r.IsDigestKey([]byte("key\x00\x00")), "HMAC pads keys with zeros")
	padded := keys.NewRequirements(secret.Policy{}, true, []byte("key\x00"), "K")
	assert.True(t, padded.IsDigestKey([]byte("key")))
	assert.False(t, padded.IsDigestKey([]byte("\x00key")))
	assert.False(t, r.IsDigestKey())
	none := keys.NewRequirements(secret.Policy{}, true, nil, "K")
	assert.False(t, none.IsDigestKey(nil, []byte("")), "an absent key is not the same as another")
}

func TestRequirementsNeverShowTheDigestKey(t *testing.T) {
	digestKey := string(strongSecret("digest key"))
	holder := struct{ r keys.Requirements }{keys.NewRequirements(secret.Policy{}, true,
		[]byte(digestKey), "K")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		for _, value := range []any{holder, &holder, holder.r, &holder.r} {
			text := fmt.Sprintf(verb, value)
			assert.NotContains(t, text, digestKey, verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", digestKey), verb)
		}
	}
}
