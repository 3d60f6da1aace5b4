package token_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
)

// referencePayload writes claims in the plainest way, as the contract has them.
func referencePayload(c session.Claims, subject bool) string {
	quote := func(text string) string { return string(strict.AppendString(nil, text)) }
	version, more := 2, ""
	if subject {
		more = `,"sub":` + quote(c.InstallID.Text())
	}
	if c.Bound {
		version, more = 3, more+`,"cnf":{"jkt":`+quote(c.InstallID.Text())+`}`
	}
	return fmt.Sprintf(`{"v":%d,"kid":%s,"iat":%d,"nbf":%d,"iss":%s,"aud":%s,"install_id":%s,`+
		`"exp":%d%s}`, version, quote(string(c.KeyID)), c.IssuedAt, c.NotBefore, quote(c.Issuer),
		quote(c.Audience), quote(c.InstallID.Text()), c.ExpiresAt, more)
}

// TestSignLikeReference signs claims one after the other of which each differs from the one before
// in few members, so that the beginning of a payload is kept as often as it is not, in both forms.
// The lengths are such that it ends anywhere in a group of base64.
func TestSignLikeReference(t *testing.T) {
	texts := rapid.SampledFrom([]string{"a", "ab", "abc", "abcd", `"`, "\u00e9", strings.Repeat("x", 99)})
	instants := rapid.SampledFrom([]session.Unix{0, 9, 10, 1771243200, 1771243201,
		session.MaxUnix})
	signers := []keys.Key{kid, pair}
	rapid.Check(t, func(r *rapid.T) {
		c := settings.Claims(installID(t, "install-12345"), kid.ID(), noon)
		for range 20 {
			switch rapid.IntRange(0, 9).Draw(r, "change") {
			case 0:
				c.Bound = !c.Bound
			case 1:
				c.KeyID = keys.ID(rapid.SampledFrom([]string{"kid", "k", "ki", "other"}).Draw(r, "kid"))
			case 2:
				c.IssuedAt = instants.Draw(r, "iat")
			case 3:
				c.NotBefore = instants.Draw(r, "nbf")
			case 4:
				c.Issuer = texts.Draw(r, "iss")
			case 5:
				c.Audience = texts.Draw(r, "aud")
			case 6:
				c.ExpiresAt = instants.Draw(r, "exp")
			case 7:
				c.InstallID = installID(t, strings.Repeat("i", rapid.IntRange(8, 20).Draw(r, "id")))
			}
			key := rapid.SampledFrom(signers).Draw(r, "key")
			segments := strings.Split(token.Sign(c, key), ".")
			payload, err := strict.DecodeBase64(segments[len(segments)-2])
			require.NoError(r, err)
			assert.Equal(r, referencePayload(c, key.Form() == keys.FormJWS), string(payload))
			if key.Form() == keys.FormCompact {
				assert.Equal(r, signedBy(key, referencePayload(c, false)), token.Sign(c, key))
			}
		}
	})
}
