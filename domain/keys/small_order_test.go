package keys_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// TestIgnoresPublicKeysOfSmallOrder shows for every encoding of every point of small order that
// Ed25519 accepts a signature which needs no private key, and that no set brings such a key.
func TestIgnoresPublicKeysOfSmallOrder(t *testing.T) {
	weak := smallOrder()
	require.Len(t, weak, 14, "eight points, some with several encodings")
	for _, public := range weak {
		t.Run(hex.EncodeToString(public), func(t *testing.T) {
			assert.True(t, forgeable(public), "anyone can sign under this key")
			odd := published("odd").with("x", quoted(encoded(public)))
			read, err := keys.ParsePublic(setOf(published("valid"), odd))
			require.NoError(t, err)
			_, known := read.VerifierAt("odd", noon)
			assert.False(t, known)
			_, known = read.VerifierAt("valid", noon)
			assert.True(t, known, "the other keys are read")

			_, err = keys.ParsePublic(setOf(odd))
			assert.Equal(t, keys.Faults{{Reason: keys.FaultNoKeys}}, err)
			_, err = keys.ParseSet(setOf(okp("odd").with("x", quoted(encoded(public)))))
			assert.ErrorContains(t, err, "key 1 (odd): x: does not fit the private part")
			assert.Panics(t, func() { keys.NewVerifier(keys.EdDSA, "odd", public, keys.Plan{}) })
		})
	}
}

// forgeable reports whether some short message has a signature whose S is zero.
func forgeable(public []byte) bool {
	for _, r := range smallOrder() {
		for message := range byte(64) {
			if ed25519.Verify(public, []byte{message}, append(slices.Clone(r), make([]byte, 32)...)) {
				return true
			}
		}
	}
	return false
}

// smallOrder computes all encodings of the points whose order divides eight. An encoding is 255
// bits for y, which need not be less than p, and one bit for the sign of x.
func smallOrder() [][]byte {
	var all [][]byte
	limit := new(big.Int).Lsh(big.NewInt(1), 255)
	for _, y := range torsion() {
		for ; y.Cmp(limit) < 0; y = new(big.Int).Add(y, prime) {
			encoding := y.FillBytes(make([]byte, 32))
			slices.Reverse(encoding)
			negative := slices.Clone(encoding)
			negative[31] |= 0x80
			all = append(all, encoding, negative)
		}
	}
	return all
}

// The curve -x²+y² = 1+dx²y² over the field of prime elements (RFC 8032 §5.1).
var (
	prime     = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	curveD, _ = new(big.Int).SetString(
		"52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
	groupOrder, _ = new(big.Int).SetString(
		"1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
)

// torsion returns the y of the points of small order, each once. A multiple of the group's order
// leaves only the part of a point that has small order.
func torsion() []*big.Int {
	var found []*big.Int
	for y := int64(2); len(found) < 5; y++ {
		at, ok := pointAt(big.NewInt(y))
		if !ok {
			continue
		}
		part := times(groupOrder, at)
		for n := range int64(8) {
			multiple := times(big.NewInt(n), part)
			if !slices.ContainsFunc(found, func(y *big.Int) bool { return y.Cmp(multiple.y) == 0 }) {
				found = append(found, multiple.y)
			}
		}
	}
	return found
}

type point struct{ x, y *big.Int }

// pointAt returns a point with that y, if there is one.
func pointAt(y *big.Int) (point, bool) {
	square := mod(new(big.Int).Mul(y, y))
	over := mod(new(big.Int).Sub(square, big.NewInt(1)))
	under := mod(new(big.Int).Add(new(big.Int).Mul(curveD, square), big.NewInt(1)))
	x := new(big.Int).ModSqrt(mod(over.Mul(over, under.ModInverse(under, prime))), prime)
	return point{x, y}, x != nil
}

func times(n *big.Int, p point) point {
	sum := point{big.NewInt(0), big.NewInt(1)}
	for i := n.BitLen() - 1; i >= 0; i-- {
		if sum = plus(sum, sum); n.Bit(i) == 1 {
			sum = plus(sum, p)
		}
	}
	return sum
}

func plus(a, b point) point {
	mul := func(a, b *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b)) }
	one := big.NewInt(1)
	k := mul(curveD, mul(mul(a.x, b.x), mul(a.y, b.y)))
	inverse := func(n *big.Int) *big.Int { return new(big.Int).ModInverse(mod(n), prime) }
	return point{
		mul(new(big.Int).Add(mul(a.x, b.y), mul(b.x, a.y)), inverse(new(big.Int).Add(one, k))),
		mul(new(big.Int).Add(mul(a.y, b.y), mul(a.x, b.x)), inverse(new(big.Int).Sub(one, k))),
	}
}

func mod(n *big.Int) *big.Int { return n.Mod(n, prime) }
