package token_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"hash"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/token"
)

// TestKeyDeterminesForm presents tokens of one algorithm under keys of the other. Knowing the
// public key must not help an attacker, in whatever encoding it is used as an HMAC secret.
func TestKeyDeterminesForm(t *testing.T) {
	public := ed25519.PublicKey(pair.Public())
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	secrets := map[string][]byte{
		"raw": public, "base64url": []byte(encoded(string(public))),
		"base64": []byte(base64.StdEncoding.EncodeToString(public)),
		"hex":    []byte(hex.EncodeToString(public)), "DER": der,
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"PEM, trimmed": []byte(strings.TrimSpace(
			string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))),
		"JWK": []byte(`{"kty":"OKP","crv":"Ed25519","x":"` + encoded(string(public)) +
			`"}`),
		"JWK Set": []byte(keys.FormatPublic(both, noon)), "the seed": pair.Secret(),
		"the symmetric key": kid.Secret(), "nothing": nil,
	}
	mac := func(hash func() hash.Hash, secret []byte, text string) string {
		m := hmac.New(hash, secret)
		m.Write([]byte(text))
		return encoded(string(m.Sum(nil)))
	}
	for name, secret := range secrets {
		t.Run("compact under the EdDSA key, "+name, func(t *testing.T) {
			for _, payload := range []members{pairValid(),
				pairValid().with("exp", iat, "nbf", "1", "iat", "1")} {
				first := encoded(payload.json())
				assert.Equal(t, token.ReasonAlgorithm,
					jwsReason(t, first+"."+mac(sha256.New, secret, first)), "expired or not")
			}
		})
		t.Run("JWS with a MAC, "+name, func(t *testing.T) {
			for _, kid := range []string{"pair", "waiting", "pair-ended", "pair-revoked", "kid",
				"ended", "unknown"} {
				payload := encoded(valid().with("kid", `"`+kid+`"`).json())
				for _, alg := range []string{"HS256", "HS512", "EdDSA", "none", "Ed25519"} {
					signed := encoded(`{"alg":"`+alg+`","kid":"`+kid+`","typ":"JWT"}`) + "." +
						payload
					assert.Equal(t, token.ReasonSignatureLength,
						jwsReason(t, signed+"."+mac(sha256.New, secret, signed)), "%s, %s", alg,
						kid)
					want := token.ReasonHeader
					if alg == "EdDSA" {
						want = map[string]token.Reason{"pair": token.ReasonSignature,
							"waiting": token.ReasonSignature, "kid": token.ReasonAlgorithm}[kid]
						if want == "" {
							want = token.ReasonUnknownKey
						}
					}
					assert.Equal(t, want, jwsReason(t, signed+"."+mac(sha512.New, secret, signed)),
						"%s, %s", alg, kid)
				}
			}
		})
	}
}

// TestRejectsAlgNone tries alg none for every key, without a signature and with several.
func TestRejectsAlgNone(t *testing.T) {
	for _, kid := range []string{"pair", "waiting", "pair-ended", "pair-revoked", "kid", "ended",
		"unknown", ""} {
		for _, alg := range []string{"none", "None", "nOnE", "NONE", ""} {
			signed := encoded(`{"alg":"`+alg+`","kid":"`+kid+`"}`) + "." +
				encoded(valid().with("kid", `"`+kid+`"`).json())
			for signature, want := range map[string]token.Reason{
				"":                              token.ReasonSegments,
				"AA":                            token.ReasonSignatureLength,
				encoded(zeros(32)):              token.ReasonSignatureLength,
				encoded(zeros(64)):              token.ReasonHeader,
				signatureOf(signed, pair):       token.ReasonHeader,
				signatureOf(signed, waiting):    token.ReasonHeader,
				signatureOf(signed, pairEnded):  token.ReasonHeader,
				signatureOf(signed, ended):      token.ReasonSignatureLength,
				signatureOf(signed, pair) + ".": token.ReasonSegments,
			} {
				assert.Equal(t, want, jwsReason(t, signed+"."+signature), "%s, %s, %s", alg, kid,
					signature)
			}
			assert.Equal(t, token.ReasonSignatureLength, jwsReason(t, signed),
				"without the last dot, the payload is the signature")
		}
	}
}

// zeros returns n zero bytes.
func zeros(n int) string { return strings.Repeat("\x00", n) }

// signatureOf returns the encoded signature of text by key.
func signatureOf(text string, key keys.Key) string {
	return encoded(string(key.Sign([]byte(text))))
}

// TestFormsCannotBeConfused reassembles the parts of valid tokens as the other form.
func TestFormsCannotBeConfused(t *testing.T) {
	valid3, valid2 := jws(jwsHeader, pairValid().json(), pair), signed(valid().json())
	require.Equal(t, token.Reason(""), jwsReason(t, valid3))
	require.Equal(t, token.Reason(""), jwsReason(t, valid2))
	three, two := strings.Split(valid3, "."), strings.Split(valid2, ".")
	payload := pairValid().json()
	for name, c := range map[string]struct {
		text string
		want token.Reason
	}{
		"a JWS without its header": {three[1] + "." + three[2],
			token.ReasonSignatureLength},
		"a JWS without its payload": {three[0] + "." + three[2],
			token.ReasonSignatureLength},
		"a JWS without its signature": {three[0] + "." + three[1],
			token.ReasonSignatureLength},
		"a header before a compact token": {three[0] + "." + valid2,
			token.ReasonSignatureLength},
		"its own header before a compact token": {encoded(`{"alg":"HS256","kid":"kid"}`) + "." +
			valid2, token.ReasonSignatureLength},
		"header and payload exchanged": {three[1] + "." + three[0] + "." + three[2],
			token.ReasonHeader},
		"a JWS with a compact signature": {three[0] + "." + three[1] + "." + two[1],
			token.ReasonSignatureLength},
		"a compact token with an Ed25519 signature": {
			encoded(payload) + "." + signatureOf(encoded(payload), pair),
			token.ReasonSignatureLength,
		},
		"signed without the header": {three[0] + "." + three[1] + "." + signatureOf(three[1], pair),
			token.ReasonSignature},
		"signed without the dot": {three[0] + "." + three[1] + "." +
			signatureOf(three[0]+three[1], pair), token.ReasonSignature},
		"signed over the decoded text": {three[0] + "." + three[1] + "." +
			signatureOf(jwsHeader+"."+payload, pair), token.ReasonSignature},
		"signed as with b64 false": {
			three[0] + "." + three[1] + "." + signatureOf(three[0]+"."+payload, pair),
			token.ReasonSignature,
		},
		"the signature of another token": {
			three[0] + "." + three[1] + "." + signatureOf(three[0]+"."+encoded(payload+" "), pair),
			token.ReasonSignature,
		},
		"a fourth segment": {valid3 + "." + three[2], token.ReasonSegments},
		"five segments, as in JWE": {valid3 + "." + three[1] + "." + three[2],
			token.ReasonSegments},
		"an empty segment before": {"." + valid3, token.ReasonSegments},
		"an empty header":         {"." + three[1] + "." + three[2], token.ReasonSegments},
		"an empty payload":        {three[0] + ".." + three[2], token.ReasonSegments},
		"a detached payload": {three[0] + ".." + signatureOf(three[0]+"."+three[1], pair),
			token.ReasonSegments},
		"JSON serialization": {`{"payload":"` + three[1] + `","protected":"` + three[0] +
			`","signature":"` + three[2] + `"}`, token.ReasonSegments},
		"a JWS as its own payload": {jws(jwsHeader, valid3, pair), token.ReasonJSON},
		"a line break after":       {valid3 + "\n", token.ReasonEncoding},
		"padding after the header": {three[0] + "=." + three[1] + "." + three[2],
			token.ReasonEncoding},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, jwsReason(t, c.text)) })
	}
}
