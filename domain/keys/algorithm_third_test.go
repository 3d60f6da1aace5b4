package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"
)

// Third is an algorithm that only tests know: ECDSA with P-384 and SHA-384, under names that no
// other party uses. Its JWK has two public members, and its signatures have a length of their own.
const Third Algorithm = "T384"

// UseThird adds the row of Third to the table for the duration of a test, which must not run in
// parallel with others.
func UseThird(t testing.TB) { use(t, third{}) }

// UseFormless is UseThird with a form of tokens that no package implements.
func UseFormless(t testing.TB) { use(t, formless{}) }

func use(t testing.TB, row algorithm) {
	before := table
	table = append(slices.Clone(before), row)
	t.Cleanup(func() { table = before })
}

type formless struct{ third }

func (formless) form() Form { return FormJWS + 1 }

const (
	thirdSize      = 48
	thirdPublic    = 2 * thirdSize
	thirdSignature = 2 * thirdSize
)

// third is the row. The material is the scalar and the point's coordinates, or the coordinates
// alone.
type third struct{}

func (third) name() Algorithm    { return Third }
func (third) idPrefix() string   { return "t3" }
func (third) form() Form         { return FormJWS }
func (third) signatureSize() int { return thirdSignature }

func (third) canonical([]byte) bool { return true }

func (third) prepare(m material) prepared { return thirdKey(m) }

type thirdKey material

func (k thirdKey) appendSignature(to, message []byte) []byte {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), []byte(k[:len(k)-thirdPublic]))
	if err != nil {
		panic(err)
	}
	digest := sha512.Sum384(message)
	der, err := key.Sign(nil, digest[:], crypto.SHA384)
	if err != nil {
		panic(err)
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		panic(err)
	}
	signature := make([]byte, thirdSignature)
	pair.R.FillBytes(signature[:thirdSize])
	pair.S.FillBytes(signature[thirdSize:])
	return append(to, signature...)
}

func (k thirdKey) verify(message, signature []byte) bool {
	if len(signature) != thirdSignature {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(),
		append([]byte{4}, third{}.public(material(k))...))
	if err != nil {
		return false
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(signature[:thirdSize]), new(big.Int).SetBytes(signature[thirdSize:]),
	})
	digest := sha512.Sum384(message)
	return err == nil && ecdsa.VerifyASN1(key, digest[:], der)
}

// generate draws until the bytes are a scalar.
func (e third) generate(random func(int) []byte) material {
	for {
		if held, ok := e.fromPrivate(random(thirdSize)); ok {
			return held
		}
	}
}

func (third) fromPrivate(private []byte) (material, bool) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), private)
	if err != nil {
		return "", false
	}
	point, err := key.PublicKey.Bytes()
	return material(private) + material(point[1:]), err == nil
}

func (third) fromPublic(public []byte) (material, bool) {
	_, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), append([]byte{4}, public...))
	return material(public), err == nil
}

func (third) private(m material) (material, bool) {
	return m[:len(m)-thirdPublic], len(m) > thirdPublic
}

func (third) public(m material) material  { return m[len(m)-thirdPublic:] }
func (third) secretChosen() bool          { return false }
func (third) signAfter() time.Duration    { return 90 * time.Minute }
func (third) minSignAfter() time.Duration { return time.Minute }
func (third) keyType() string             { return "EC-384" }
func (third) curve() string               { return "P-384" }
func (third) aliases() []string           { return nil }
func (third) privateMember() byteMember   { return byteMember{"d", thirdSize} }
func (third) publicMembers() []byteMember {
	return []byteMember{{"x", thirdSize}, {"y", thirdSize}}
}
