package proof_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"
	"strings"
	"testing"

	"github.com/offload/sessiond/domain/proof"
)

// BenchmarkAccess judges a proof with a token, beside its lower bound: the verification alone.
func BenchmarkAccess(b *testing.B) {
	for name, d := range map[string]device{"ES256": ec, "EdDSA": okp} {
		text := d.valid().withToken(access).text()
		id := installID(b, d.thumbprint())
		b.Run(name, func(b *testing.B) {
			p := presented(text)
			p.Token = access
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Access(true, id); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+", lower bound", func(b *testing.B) {
			at := strings.LastIndexByte(text, '.')
			message := []byte(text[:at])
			verify := lowerBound(d, message)
			for b.Loop() {
				if !verify() {
					b.Fatal("signature rejected")
				}
			}
		})
	}
	b.Run("nonce", func(b *testing.B) {
		nonces := proof.NewNonces(digestKey)
		nonce := nonces.At(noon)
		b.ReportAllocs()
		for b.Loop() {
			if !nonces.Accepts(nonce, noon) {
				b.Fatal("nonce rejected")
			}
		}
	})
	b.Run("rejected before the signature", func(b *testing.B) {
		p := presented(ec.valid().headed("crit", "[]").text())
		id := installID(b, ec.thumbprint())
		b.ReportAllocs()
		for b.Loop() {
			if err := p.Access(true, id); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}

// lowerBound returns the verification of the device's signature of message by the standard library.
func lowerBound(d device, message []byte) func() bool {
	signature, public := d.key.Sign(message), d.key.Public()
	if len(public) == ed25519.PublicKeySize {
		return func() bool { return ed25519.Verify(public, message, signature) }
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, public...))
	if err != nil {
		panic(err)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return func() bool {
		digest := sha256.Sum256(message)
		return ecdsa.Verify(key, digest[:], r, s)
	}
}
