package proof_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/test/vectors"
)

// FuzzParse parses any text: Parse must not panic, and no other text may encode the bytes of an
// accepted proof.
func FuzzParse(f *testing.F) {
	for _, c := range vectors.DPoP().Cases {
		for _, text := range c.DPoP {
			f.Add(text)
		}
	}
	for _, text := range []string{"", ".", "..", "...", ec.valid().text(), okp.valid().text()} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkParse(t, text) })
}

// FuzzSigned signs any header and claims with either key, because no fuzzer forges a signature, and
// compares the accepted proofs with what the standard library reads.
func FuzzSigned(f *testing.F) {
	for _, c := range vectors.DPoP().Cases {
		for _, text := range c.DPoP {
			if segments := strings.Split(text, "."); len(segments) == 3 {
				header, _ := strict.DecodeBase64(segments[0])
				claims, _ := strict.DecodeBase64(segments[1])
				f.Add(string(header), string(claims))
			}
		}
	}
	for _, d := range []device{okp, ec} {
		for _, c := range hostile {
			made := c.make(d.valid())
			f.Add(made.header.json(), made.claims.json())
		}
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		for _, d := range []device{okp, ec} {
			// The header of a seed may hold the key of the other device, which has not signed.
			checkParse(t, signed(header, claims, d.key))
			text := signed(d.valid().header.json(), claims, d.key)
			checkParse(t, text)
			p := presented(text)
			_, bound, err := p.Issue(installID(t, d.thumbprint()), session.BindingRequire)
			assert.Equal(t, err == nil, bound)
			if err == nil {
				assertClaims(t, claims)
			}
		}
	})
}

// FuzzChangedByte changes one byte of a valid proof: it is rejected, or it is the same proof.
func FuzzChangedByte(f *testing.F) {
	whole := map[bool]string{false: ec.valid().withToken(access).text(),
		true: okp.valid().withToken(access).text()}
	for _, at := range []uint{0, 20, 100, 200, 300, 340, 360, 400, 450, 500} {
		f.Add(at, byte(1), at%200 == 0)
		f.Add(at, byte(0x20), at%200 == 100)
	}
	f.Fuzz(func(t *testing.T, at uint, change byte, ed bool) {
		text := []byte(whole[ed])
		at %= uint(len(text))
		text[at] ^= change
		read, err := proof.Parse([]string{string(text)})
		if string(text) != whole[ed] {
			require.Error(t, err, "byte %d", at)
			return
		}
		require.NoError(t, err)
		original, err := proof.Parse([]string{whole[ed]})
		require.NoError(t, err)
		require.Equal(t, original, read)
	})
}

// TestEveryBitCounts changes each bit of a valid proof.
func TestEveryBitCounts(t *testing.T) {
	for _, d := range []device{okp, ec} {
		text := []byte(d.valid().withToken(access).text())
		for at := range text {
			for bit := range 8 {
				text[at] ^= 1 << bit
				_, err := proof.Parse([]string{string(text)})
				require.NotEmpty(t, reasonOf(t, err), "byte %d, bit %d", at, bit)
				text[at] ^= 1 << bit
			}
		}
		_, err := proof.Parse([]string{string(text)})
		require.NoError(t, err)
	}
}

// checkParse parses text and checks what is accepted with the standard library.
func checkParse(t *testing.T, text string) {
	t.Helper()
	read, err := proof.Parse([]string{text})
	if err != nil {
		reasonOf(t, err)
		assert.Equal(t, proof.Proof{}, read)
		return
	}
	require.LessOrEqual(t, len(text), proof.MaxHeader)
	segments := strings.Split(text, ".")
	require.Len(t, segments, 3)
	var parts [3][]byte
	for i, segment := range segments {
		parts[i], err = strict.DecodeBase64(segment)
		require.NoError(t, err)
		require.Equal(t, segment, strict.EncodeBase64(parts[i]))
	}
	var header, jwk, claims map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(parts[0], &header))
	require.NoError(t, json.Unmarshal(header["jwk"], &jwk))
	require.NoError(t, json.Unmarshal(parts[1], &claims))
	assert.NotContains(t, header, "crit")
	assert.NotContains(t, jwk, "d")
	assert.NotContains(t, jwk, "k")
	assert.Equal(t, "dpop+jwt", textOf(t, header["typ"]))
	algorithm := textOf(t, header["alg"])
	assert.Contains(t, []string{"ES256", "EdDSA", "Ed25519"}, algorithm)
	public := []byte{}
	for _, name := range map[bool][]string{true: {"x", "y"}, false: {"x"}}[algorithm == "ES256"] {
		coordinate, err := strict.DecodeBase64(textOf(t, jwk[name]))
		require.NoError(t, err)
		require.Len(t, coordinate, 32)
		public = append(public, coordinate...)
	}
	name, ok := keys.ParsePublicAlgorithm(algorithm)
	require.True(t, ok)
	key, ok := keys.NewPublic(name, public)
	require.True(t, ok)
	require.True(t, key.Verify([]byte(segments[0]+"."+segments[1]), parts[2]))
	require.Equal(t, key.Thumbprint().Text(), read.Key().Text())
	id := textOf(t, claims["jti"])
	require.Equal(t, key.Thumbprint().Text()+"\x00"+id, read.ReplaySubject())
	length := utf8.RuneCountInString(id)
	require.True(t, length >= 1 && length <= proof.MaxID)
}

// assertClaims checks that the claims of an accepted proof fit the request of the tests.
func assertClaims(t *testing.T, text string) {
	t.Helper()
	var claims map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &claims))
	assert.Equal(t, method, textOf(t, claims["htm"]))
	normal, ok := proof.Normalize(textOf(t, claims["htu"]))
	assert.True(t, ok)
	assert.Equal(t, uri, normal)
	assert.NotContains(t, claims, "nonce")
	iat := proof.Seconds(string(claims["iat"]))
	assert.True(t, iat >= noon.Unix()-300 && iat <= noon.Unix()+60)
	if exp, has := claims["exp"]; has {
		assert.Greater(t, proof.Seconds(string(exp)), noon.Unix())
	}
}

// textOf returns the value of a JSON string. It fails if raw is anything else.
func textOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	raw = slices.Clone(raw)
	require.True(t, len(raw) > 0 && raw[0] == '"', "%q", raw)
	var text string
	require.NoError(t, json.Unmarshal(raw, &text))
	return text
}
