package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"time"
)

// The lengths of ES256, in bytes: that of a coordinate of a point, of the scalar, and of each half
// of a signature (RFC 7518 §3.4, §6.2); of a public key; and of a signature.
const (
	p256Size      = 32
	p256Public    = 2 * p256Size
	p256Signature = 2 * p256Size
)

// p256Order is the order of P-256, and p256HalfOrder the greatest s of its lower half, as written
// in a signature.
var (
	p256Order     = elliptic.P256().Params().N
	p256HalfOrder = new(big.Int).Rsh(p256Order, 1).FillBytes(make([]byte, p256Size))
)

// es256 is ECDSA with P-256 and SHA-256 (RFC 7518 §3.4). The material is the scalar and the
// coordinates x and y of the public key, or the coordinates alone if the key only verifies.
type es256 struct{}

func (es256) name() Algorithm    { return ES256 }
func (es256) idPrefix() string   { return "es" }
func (es256) form() Form         { return FormJWS }
func (es256) signatureSize() int { return p256Signature }

func (e es256) prepare(m material) prepared {
	if private, ok := e.private(m); ok {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(private))
		if err != nil {
			panic("keys: not a P-256 private key") // impossible: fromPrivate has parsed it
		}
		return p256Pair{private: key, public: &key.PublicKey}
	}
	key, err := parseP256([]byte(m))
	if err != nil {
		panic("keys: not a P-256 public key") // impossible: fromPublic has parsed it
	}
	return p256Pair{public: key}
}

// parseP256 parses the coordinates of a public key. It fails if they are not those of a point on
// the curve, each below the modulus.
func parseP256(public []byte) (*ecdsa.PublicKey, error) {
	const uncompressed = 4 // SEC 1, section 2.3.3
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(),
		append([]byte{uncompressed}, public...))
}

// p256Pair is a P-256 key; private is nil if the key only verifies. crypto/ecdsa caches what it
// precomputes from a private key by the address of the key, so the same pointer is used for every
// signature.
type p256Pair struct {
	private *ecdsa.PrivateKey
	public  *ecdsa.PublicKey
}

// appendSignature derives the nonce from the key and the message (RFC 6979), so that a signature
// depends on nothing else, and writes the lower of the two values that s may have.
func (p p256Pair) appendSignature(to, message []byte) []byte {
	digest := sha256.Sum256(message)
	encoded, err := p.private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		panic("keys: ES256: " + err.Error()) // impossible for a key that was parsed
	}
	var signature struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(encoded, &signature); err != nil || len(rest) > 0 {
		panic("keys: ES256: not the encoding of a signature") // impossible
	}
	var halves [p256Signature]byte
	signature.R.FillBytes(halves[:p256Size])
	signature.S.FillBytes(halves[p256Size:])
	if !(es256{}).canonical(halves[:]) {
		signature.S.Sub(p256Order, signature.S).FillBytes(halves[p256Size:])
	}
	return append(to, halves[:]...)
}

// verify accepts both values of s. The time depends on the signature and the public key alone,
// neither of which is secret.
func (p p256Pair) verify(message, signature []byte) bool {
	if len(signature) != p256Signature {
		return false
	}
	digest := sha256.Sum256(message)
	return ecdsa.Verify(p.public, digest[:], new(big.Int).SetBytes(signature[:p256Size]),
		new(big.Int).SetBytes(signature[p256Size:]))
}

// canonical reports whether s is in the lower half of the order: if (r, s) is a signature, so is
// (r, -s), which anyone can compute.
func (es256) canonical(signature []byte) bool {
	return len(signature) == p256Signature &&
		bytes.Compare(signature[p256Size:], p256HalfOrder) <= 0
}

// generate draws until the random bytes are a scalar: not zero, and below the order.
func (e es256) generate(random func(int) []byte) material {
	for {
		if held, ok := e.fromPrivate(random(p256Size)); ok {
			return held
		}
	}
}

func (es256) fromPrivate(private []byte) (material, bool) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), private)
	if err != nil {
		return "", false
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return "", false
	}
	return material(private) + material(point[1:]), true
}

func (es256) fromPublic(public []byte) (material, bool) {
	if len(public) != p256Public {
		return "", false
	}
	_, err := parseP256(public)
	return material(public), err == nil
}

func (es256) private(m material) (material, bool) {
	if len(m) == p256Public {
		return "", false
	}
	return m[:p256Size], true
}

func (es256) public(m material) material  { return m[len(m)-p256Public:] }
func (es256) secretChosen() bool          { return false }
func (es256) signAfter() time.Duration    { return publishedSignAfter }
func (es256) minSignAfter() time.Duration { return publishedMinSignAfter }

// The JWK (RFC 7518 §6.2).
func (es256) keyType() string           { return "EC" }
func (es256) curve() string             { return "P-256" }
func (es256) aliases() []string         { return nil }
func (es256) privateMember() byteMember { return byteMember{"d", p256Size} }
func (es256) publicMembers() []byteMember {
	return []byteMember{{"x", p256Size}, {"y", p256Size}}
}
