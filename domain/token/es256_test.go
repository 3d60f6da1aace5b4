package token_test

import (
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/token"
)

const pointHeader = `{"alg":"ES256","kid":"point","typ":"JWT"}`

// pointValid is a valid payload under the kid point.
func pointValid() members { return valid().with("kid", `"point"`) }

// withOtherS returns a token of ES256 with the other value of s, which is as valid to ECDSA.
func withOtherS(t testing.TB, text string) string {
	t.Helper()
	order, ok := new(big.Int).SetString(
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	require.True(t, ok)
	at := strings.LastIndex(text, ".") + 1
	signature, err := base64.RawURLEncoding.DecodeString(text[at:])
	require.NoError(t, err)
	order.Sub(order, new(big.Int).SetBytes(signature[32:])).FillBytes(signature[32:])
	return text[:at] + encoded(string(signature))
}

// TestES256HasOneText checks that a token is written with s in the lower half of the order, and is
// rejected with the other one.
func TestES256HasOneText(t *testing.T) {
	for _, install := range []string{"install-12345", "install-12346", "install-12347",
		"install-12348", "install-12349"} { // one in two has the other s before it is changed
		claims := settings.Claims(installID(t, install), "point", noon)
		text := token.Sign(claims, point)
		assert.Equal(t, text, token.Sign(claims, point), "a signature depends on nothing else")
		assert.Equal(t, encoded(pointHeader), strings.Split(text, ".")[0])
		got, err := token.Verify(text, both, settings, noon)
		require.NoError(t, err)
		assert.Equal(t, claims, got)
		for segment := range strings.SplitSeq(text, ".") {
			assertOneText(t, segment)
		}
		assert.Equal(t, token.ReasonSignature, jwsReason(t, withOtherS(t, text)))
		found := token.Inspect(withOtherS(t, text), both, settings, noon)
		assert.Equal(t, token.ReasonSignature, found.Reason())
		assert.Equal(t, token.Failed, found.Checks[7].Verdict)
		found = token.Inspect(text, both, settings, noon)
		assert.True(t, found.Accepted())
		assert.Equal(t, keys.ES256, found.Algorithm)
	}
}

// TestAlgorithmsOfOneLengthAreNotConfused presents tokens whose header, key and signature are of
// EdDSA and of ES256, in every mixture: their signatures have the same length, and neither the
// header nor the signature may choose how a key verifies.
func TestAlgorithmsOfOneLengthAreNotConfused(t *testing.T) {
	require.Equal(t, keys.EdDSA.SignatureSize(), keys.ES256.SignatureSize())
	signers := []keys.Key{pair, point}
	for _, named := range signers { // by kid
		for _, header := range signers { // by alg
			for _, signer := range signers {
				text := jws(`{"alg":"`+string(header.Algorithm())+`","kid":"`+string(named.ID())+`"}`,
					valid().with("kid", `"`+string(named.ID())+`"`).json(), signer)
				want := token.Reason("")
				switch {
				case header.Algorithm() != named.Algorithm():
					want = token.ReasonAlgorithm
				case signer.ID() != named.ID():
					want = token.ReasonSignature
				}
				assert.Equal(t, want, jwsReason(t, text), "alg of %s, kid of %s, signed by %s",
					header.ID(), named.ID(), signer.ID())
			}
		}
	}
	// The bytes of an Ed25519 key as a scalar, and the other way round.
	asPoint := keys.NewES256("pair", pair.Secret(), past)
	asPair := keys.NewEdDSA("point", point.Secret(), past)
	for text, want := range map[string]token.Reason{
		jws(jwsHeader, pairValid().json(), asPoint):                             token.ReasonSignature,
		jws(`{"alg":"ES256","kid":"pair"}`, pairValid().json(), asPoint):        token.ReasonAlgorithm,
		jws(pointHeader, pointValid().json(), asPair):                           token.ReasonSignature,
		jws(`{"alg":"EdDSA","kid":"point"}`, pointValid().json(), asPair):       token.ReasonAlgorithm,
		jws(`{"alg":"HS256","kid":"point"}`, pointValid().json(), point):        token.ReasonHeader,
		jws(`{"alg":"none","kid":"point"}`, pointValid().json(), point):         token.ReasonHeader,
		jws(`{"alg":"ES384","kid":"point"}`, pointValid().json(), point):        token.ReasonHeader,
		jws(`{"alg":"Ed25519","kid":"point"}`, pointValid().json(), point):      token.ReasonHeader,
		jws(`{"alg":"ES256","kid":"kid"}`, valid().json(), point):               token.ReasonAlgorithm,
		jws(`{"alg":"ES256","kid":"unknown"}`, pointValid().json(), point):      token.ReasonHeader,
		signedBy(keys.NewHS256("x", point.Public(), past), pointValid().json()): token.ReasonAlgorithm,
	} {
		assert.Equal(t, want, jwsReason(t, text), text)
	}
}

// TestRejectsES256Signatures tries what ECDSA libraries have accepted.
func TestRejectsES256Signatures(t *testing.T) {
	signed := encoded(pointHeader) + "." + encoded(pointValid().json())
	valid := point.Sign([]byte(signed))
	bytesOf := func(digits string) []byte {
		data, err := hex.DecodeString(digits)
		require.NoError(t, err)
		return data
	}
	order := bytesOf("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
	one := bytesOf(strings.Repeat("0", 63) + "1")
	zero := make([]byte, 32)
	join := func(parts ...[]byte) (all []byte) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	for name, c := range map[string]struct {
		signature []byte
		want      token.Reason
	}{
		"valid":            {valid, ""},
		"zeros":            {join(zero, zero), token.ReasonSignature},
		"r zero":           {join(zero, valid[32:]), token.ReasonSignature},
		"s zero":           {join(valid[:32], zero), token.ReasonSignature},
		"ones":             {join(one, one), token.ReasonSignature},
		"r the order":      {join(order, one), token.ReasonSignature},
		"s the order":      {join(one, order), token.ReasonSignature},
		"both the order":   {join(order, order), token.ReasonSignature},
		"all bits":         {[]byte(strings.Repeat("\xff", 64)), token.ReasonSignature},
		"halves exchanged": {join(valid[32:], valid[:32]), token.ReasonSignature},
		"r alone":          {valid[:32], token.ReasonSignatureLength},
		"63 bytes":         {valid[:63], token.ReasonSignatureLength},
		"65 bytes":         {join(valid, []byte{0}), token.ReasonSignatureLength},
		"of P-384":         {join(zero, valid), token.ReasonSignatureLength},
		"ASN.1": {join([]byte{0x30, 0x46, 0x02, 0x21, 0}, valid[:32], []byte{0x02, 0x21, 0}, valid[32:]),
			token.ReasonSignatureLength},
	} {
		assert.Equal(t, c.want, jwsReason(t, signed+"."+encoded(string(c.signature))), name)
	}
}
