package keys_test

import (
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/vectors"
)

// seeds are the private parts of some of Project Wycheproof's keys, which are published with the
// public part alone: those of RFC 8032 §7.1, and that of the key used in most of the cases.
var seeds = []string{
	"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
	"add4bb8103785baf9ac534258e8aaf65f5f1adb5ef5f3df19bb80ab989c4d64b",
}

// TestWycheproofEd25519 verifies every case, and signs the valid ones whose private part is known.
// Ed25519 signatures are deterministic, so they must be equal byte for byte. The profile refuses
// none by design.
func TestWycheproofEd25519(t *testing.T) {
	known := map[string]keys.Key{}
	for _, text := range seeds {
		seed, err := hex.DecodeString(text)
		require.NoError(t, err)
		key := keys.NewEdDSA("kid", seed, keys.Plan{})
		known[string(key.Public())] = key
	}
	verified, refused, signed := 0, 0, 0
	for _, group := range vectors.Ed25519() {
		verifier := keys.NewVerifier(keys.EdDSA, "kid", group.PublicKey.Bytes, keys.Plan{})
		signer, signs := known[string(group.PublicKey.Bytes)]
		for _, c := range group.Tests {
			t.Run(strconv.Itoa(c.ID), func(t *testing.T) {
				assert.Equal(t, c.Valid(), verifier.Verify(c.Message, c.Signature), c.Comment)
				if c.Valid() {
					verified++
				} else {
					refused++
				}
				if signs {
					assert.Equal(t, c.Valid(), signer.Verify(c.Message, c.Signature), c.Comment)
				}
				if signs && c.Valid() {
					signed++
					assert.Equal(t, []byte(c.Signature), signer.Sign(c.Message), c.Comment)
				}
			})
		}
	}
	assert.Equal(t, [3]int{88, 63, 13}, [3]int{verified, refused, signed},
		"verified, refused, signed")
}

// TestWycheproofES256 verifies every case as a signature by a key of another party, which accepts
// both values of s, and as one by a key of this service. The latter refuses the valid ones whose s
// is in the upper half, by design: a token has one text (token.md, check 8).
func TestWycheproofES256(t *testing.T) {
	type count struct{ verified, refused, upperHalfByDesign int }
	var got count
	half := new(big.Int).Rsh(new(big.Int).SetBytes(unhex(t, orderP256)), 1)
	for _, group := range vectors.P256() {
		require.Equal(t, byte(4), group.PublicKey.Uncompressed[0], "an uncompressed point")
		verifier := keys.NewVerifier(keys.ES256, "kid", group.PublicKey.Uncompressed[1:], keys.Plan{})
		for _, c := range group.Tests {
			t.Run(strconv.Itoa(c.ID), func(t *testing.T) {
				assert.Equal(t, c.Valid(), keys.VerifiesEither(verifier, c.Message, c.Signature),
					c.Comment)
				upper := c.Valid() && new(big.Int).SetBytes(c.Signature[32:]).Cmp(half) > 0
				assert.Equal(t, c.Valid() && !upper, verifier.Verify(c.Message, c.Signature), c.Comment)
				switch {
				case upper:
					got.upperHalfByDesign++
					assert.True(t, verifier.Verify(c.Message, otherS(t, c.Signature)), c.Comment)
				case c.Valid():
					got.verified++
				default:
					got.refused++
				}
			})
		}
	}
	assert.Equal(t, count{verified: 102, refused: 83, upperHalfByDesign: 67}, got)
}

// TestWycheproofHMAC verifies and signs every case. The profile accepts whole tags only (token.md,
// check 4): the cases with half a tag are refused, valid or not, and the valid ones must be a
// prefix of the tag that we compute.
func TestWycheproofHMAC(t *testing.T) {
	type count struct{ verified, refused, truncatedByDesign int }
	var got count
	for _, group := range vectors.HMACSHA256() {
		whole := group.TagBits == 8*keys.HS256.SignatureSize()
		for _, c := range group.Tests {
			t.Run(strconv.Itoa(c.ID), func(t *testing.T) {
				key := keys.NewHS256("kid", c.Key, keys.Plan{})
				begins := slices.Equal(key.Sign(c.Message)[:len(c.Tag)], c.Tag)
				assert.Equal(t, c.Valid(), begins, c.Comment)
				assert.Equal(t, c.Valid() && whole, key.Verify(c.Message, c.Tag), c.Comment)
				switch {
				case c.Valid() && whole:
					got.verified++
				case c.Valid():
					got.truncatedByDesign++
				default:
					got.refused++
				}
			})
		}
	}
	assert.Equal(t, count{verified: 33, refused: 108, truncatedByDesign: 33}, got)
}
