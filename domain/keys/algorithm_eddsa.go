package keys

import (
	"crypto/ed25519"
	"time"
)

// SeedSize is the length of an Ed25519 private key (RFC 8032 §5.1.5), in bytes.
const SeedSize = ed25519.SeedSize

// edDSA is Ed25519 (RFC 8032). The material is the seed and the public key, or the public key alone
// if the key only verifies.
type edDSA struct{}

func (edDSA) name() Algorithm    { return EdDSA }
func (edDSA) idPrefix() string   { return "ed" }
func (edDSA) form() Form         { return FormJWS }
func (edDSA) signatureSize() int { return ed25519.SignatureSize }

// canonical returns true: verify refuses an s that is not below the order (RFC 8032 §5.1.7).
func (edDSA) canonical([]byte) bool { return true }

func (e edDSA) prepare(m material) prepared {
	pair := ed25519Pair{public: ed25519.PublicKey(e.public(m))}
	if _, ok := e.private(m); ok {
		pair.private = ed25519.PrivateKey(m)
	}
	return pair
}

// ed25519Pair is an Ed25519 key; private is nil if the key only verifies. crypto/ed25519 caches
// what it precomputes from a private key by the address of its bytes, so the same slice is used for
// every signature.
type ed25519Pair struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func (p ed25519Pair) appendSignature(to, message []byte) []byte {
	return append(to, ed25519.Sign(p.private, message)...)
}

func (p ed25519Pair) verify(message, signature []byte) bool {
	return ed25519.Verify(p.public, message, signature)
}

func (edDSA) generate(random func(int) []byte) material {
	return material(ed25519.NewKeyFromSeed(random(SeedSize)))
}

func (edDSA) fromPrivate(private []byte) (material, bool) {
	if len(private) != SeedSize {
		return "", false
	}
	return material(ed25519.NewKeyFromSeed(private)), true
}

func (edDSA) fromPublic(public []byte) (material, bool) {
	return material(public), len(public) == ed25519.PublicKeySize && !hasSmallOrder(public)
}

func (edDSA) private(m material) (material, bool) {
	if len(m) == ed25519.PublicKeySize {
		return "", false
	}
	return m[:SeedSize], true
}

func (edDSA) public(m material) material  { return m[len(m)-ed25519.PublicKeySize:] }
func (edDSA) secretChosen() bool          { return false }
func (edDSA) signAfter() time.Duration    { return publishedSignAfter }
func (edDSA) minSignAfter() time.Duration { return publishedMinSignAfter }

// The JWK (RFC 8037 §2). RFC 9864 uses the name of the curve as the name of the algorithm, too.
func (edDSA) keyType() string           { return "OKP" }
func (edDSA) curve() string             { return "Ed25519" }
func (e edDSA) aliases() []string       { return []string{e.curve()} }
func (edDSA) privateMember() byteMember { return byteMember{"d", SeedSize} }
func (edDSA) publicMembers() []byteMember {
	return []byteMember{{"x", ed25519.PublicKeySize}}
}
