package sessionauth_test

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// point returns an ES256 key whose scalar repeats one byte.
func point(id keys.ID, scalar byte) keys.Key {
	return keys.NewES256(id, bytes.Repeat([]byte{scalar}, 32), keys.Plan{})
}

// withOtherS returns a token of ES256 with the other value of s, which is as valid to ECDSA.
func withOtherS(t *testing.T, text string) string {
	t.Helper()
	s, ok := new(big.Int).SetString(
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	require.True(t, ok)
	at := strings.LastIndex(text, ".") + 1
	signature, err := base64.RawURLEncoding.DecodeString(text[at:])
	require.NoError(t, err)
	s.Sub(s, new(big.Int).SetBytes(signature[32:])).FillBytes(signature[32:])
	return text[:at] + base64.RawURLEncoding.EncodeToString(signature)
}

// TestES256 verifies sessions of an issuer that moves from EdDSA to ES256.
func TestES256(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := pair("pair", 1), point("point", 2)
		w := newService(t, publishes(t, old))
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		w.answer(publishes(t, old, next))
		text := mint(t, next)
		assert.Equal(t, "ok", w.code(text), "an unknown key causes a read")
		assert.Equal(t, "ok", w.code(mint(t, old)))
		assert.Equal(t, "invalid_token", w.code(withOtherS(t, text)), "a session has one text")
		assert.Equal(t, "invalid_token", w.code(mint(t, point("point", 3))))
		assert.Equal(t, "invalid_token", w.code(mint(t, pair("point", 2))),
			"EdDSA under the ID of an ES256 key")
		assert.Equal(t, "invalid_token", w.code(mint(t, point("pair", 1))),
			"ES256 under the ID of an EdDSA key")
		assert.Equal(t, "invalid_token",
			w.code(mint(t, keys.NewHS256("point", next.Public()[:32], keys.Plan{}))))
	})
}

// TestIgnoresPublishedKeysThatAreNoPoints shows that such a key does not keep others from being
// read.
func TestIgnoresPublishedKeysThatAreNoPoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, odd := point("point", 2), point("odd", 3)
		answer := publishes(t, good, odd)
		y := base64.RawURLEncoding.EncodeToString(odd.Public()[32:])
		answer.body = strings.Replace(answer.body, y,
			base64.RawURLEncoding.EncodeToString(odd.Public()[:32]), 1)
		w := newService(t, answer)
		require.NoError(t, w.jwks.Start(t.Context()))
		defer w.jwks.Close()
		assert.Equal(t, "ok", w.code(mint(t, good)))
		assert.Equal(t, "invalid_token", w.code(mint(t, odd)))
	})
}
