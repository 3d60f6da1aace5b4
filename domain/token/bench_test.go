package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/token"
)

// Each benchmark is paired with its lower bound: the bare signature over a text of the same length.

func BenchmarkSign(b *testing.B) {
	for _, c := range []struct {
		name string
		key  keys.Key
	}{{"compact", kid}, {"JWS", pair}, {"JWS of ES256", point}} {
		claims := settings.Claims(installID(b, "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"), c.key.ID(),
			noon)
		text := token.Sign(claims, c.key)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				text = token.Sign(claims, c.key)
			}
		})
		b.Run(c.name+", lower bound", func(b *testing.B) {
			sign, _ := lowerBound(c.key)
			message := []byte(text[:strings.LastIndexByte(text, '.')])
			for b.Loop() {
				sign(message)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range []struct {
		name string
		key  keys.Key
	}{{"compact", kid}, {"JWS", pair}, {"JWS of ES256", point}} {
		text := token.Sign(settings.Claims(installID(b, "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"),
			c.key.ID(), noon), c.key)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := token.Verify(text, both, settings, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+", lower bound", func(b *testing.B) {
			sign, verify := lowerBound(c.key)
			message := []byte(text[:strings.LastIndexByte(text, '.')])
			signature := sign(message)
			for b.Loop() {
				if !verify(message, signature) {
					b.Fatal("signature refused")
				}
			}
		})
		b.Run(c.name+", forged", func(b *testing.B) {
			signed := text[:strings.LastIndexByte(text, '.')]
			forged := signed + "." + signatureOf(signed+".", c.key)
			require.Equal(b, token.ReasonSignature, jwsReason(b, forged))
			for b.Loop() {
				if _, err := token.Verify(forged, both, settings, noon); err == nil {
					b.Fatal("forged token accepted")
				}
			}
		})
	}
}

// lowerBound returns the signature functions of the key from the standard library only.
func lowerBound(
	key keys.Key,
) (sign func([]byte) []byte, verify func(message, signature []byte) bool) {
	if key.Algorithm() == keys.EdDSA {
		private, public := ed25519.NewKeyFromSeed(key.Secret()), ed25519.PublicKey(key.Public())
		return func(message []byte) []byte { return ed25519.Sign(private, message) },
			func(message, signature []byte) bool {
				return ed25519.Verify(public, message, signature)
			}
	}
	if key.Algorithm() == keys.ES256 {
		return es256LowerBound(key)
	}
	secret := key.Secret()
	sign = func(message []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(message)
		return mac.Sum(nil)
	}
	return sign, func(message, signature []byte) bool {
		return hmac.Equal(sign(message), signature)
	}
}

// es256LowerBound is lowerBound for ES256. A signature is in ASN.1, and has either s.
func es256LowerBound(
	key keys.Key,
) (sign func([]byte) []byte, verify func(message, signature []byte) bool) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), key.Secret())
	if err != nil {
		panic(err)
	}
	sign = func(message []byte) []byte {
		digest := sha256.Sum256(message)
		signature, err := private.Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			panic(err)
		}
		return signature
	}
	return sign, func(message, signature []byte) bool {
		digest := sha256.Sum256(message)
		return ecdsa.VerifyASN1(&private.PublicKey, digest[:], signature)
	}
}
