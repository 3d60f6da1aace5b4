package keys_test

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
)

const (
	// orderP256 and modulusP256 are the order and the modulus of P-256 (FIPS 186-5, SP 800-186).
	orderP256   = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
	modulusP256 = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
	// The key of RFC 6979 A.2.5.
	rfc6979Scalar = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
	rfc6979X      = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
	rfc6979Y      = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)

func hexOf(data []byte) string { return hex.EncodeToString(data) }

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	data, err := hex.DecodeString(digits)
	require.NoError(t, err)
	return data
}

// otherS returns the signature with the other value of s.
func otherS(t testing.TB, signature []byte) []byte {
	t.Helper()
	s := new(big.Int).SetBytes(signature[32:])
	other := append([]byte{}, signature[:32]...)
	return append(other, s.Sub(new(big.Int).SetBytes(unhex(t, orderP256)), s).FillBytes(
		make([]byte, 32))...)
}

// TestES256SignsAsRFC6979 runs the cases of RFC 6979 A.2.5 with SHA-256. The first signature has an
// s in the upper half, so ES256 writes the lower value instead.
func TestES256SignsAsRFC6979(t *testing.T) {
	key := keys.NewES256("kid", unhex(t, rfc6979Scalar), keys.Plan{})
	assert.Equal(t, unhex(t, rfc6979X+rfc6979Y), key.Public())
	for message, c := range map[string]struct {
		signature string
		upper     bool
	}{
		"sample": {"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
			"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8", true},
		"test": {"f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367" +
			"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083", false},
	} {
		t.Run(message, func(t *testing.T) {
			published, own := unhex(t, c.signature), key.Sign([]byte(message))
			if c.upper {
				assert.Equal(t, otherS(t, published), own)
			} else {
				assert.Equal(t, published, own)
			}
			assert.Equal(t, own, key.Sign([]byte(message)))
			assert.True(t, key.Verify([]byte(message), own))
			assert.True(t, keys.VerifiesEither(key, []byte(message), published))
			assert.True(t, keys.VerifiesEither(key, []byte(message), otherS(t, published)))
			assert.False(t, key.Verify([]byte(message), otherS(t, own)), "s in the upper half")
			assert.False(t, key.Verify([]byte(message+"."), own))
			for i := range own {
				wrong := append([]byte{}, own...)
				wrong[i] ^= 1
				assert.False(t, keys.VerifiesEither(key, []byte(message), wrong), "byte %d", i)
			}
			for _, wrong := range [][]byte{nil, {}, own[:63], append(append([]byte{}, own...), 0),
				append([]byte{0}, own...), make([]byte, 64)} {
				assert.False(t, keys.VerifiesEither(key, []byte(message), wrong))
				assert.False(t, key.Verify([]byte(message), wrong))
			}
		})
	}
}

// TestES256HalfOfTheOrder checks which s is canonical at the bound: half of the order, rounded
// down, is the last.
func TestES256HalfOfTheOrder(t *testing.T) {
	half := new(big.Int).Rsh(new(big.Int).SetBytes(unhex(t, orderP256)), 1)
	next := new(big.Int).Add(half, big.NewInt(1))
	signature := func(s *big.Int) []byte {
		return append(unhex(t, rfc6979X), s.FillBytes(make([]byte, 32))...)
	}
	assert.True(t, keys.IsCanonical(keys.ES256, signature(half)))
	assert.False(t, keys.IsCanonical(keys.ES256, signature(next)))
	assert.Equal(t, signature(next), otherS(t, signature(half)))
	assert.False(t, keys.IsCanonical(keys.ES256, nil))
	assert.True(t, keys.IsCanonical(keys.EdDSA, make([]byte, 64)))
}

// TestES256VerifiesAsRFC7515 verifies the example of RFC 7515 A.3, whose s is in the upper half.
func TestES256VerifiesAsRFC7515(t *testing.T) {
	decode := func(text string) []byte {
		data, err := strict.DecodeBase64(text)
		require.NoError(t, err)
		return data
	}
	const signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9" +
		"leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	signature := decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3" +
		"-Kg6NU1Q")
	key := keys.NewES256("kid", decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"), keys.Plan{})
	assert.Equal(t, append(decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
		decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")...), key.Public())
	assert.True(t, keys.VerifiesEither(key, []byte(signed), signature))
	assert.False(t, key.Verify([]byte(signed), signature))
	assert.True(t, key.Verify([]byte(signed), otherS(t, signature)))
}

// TestES256Parts checks which bytes are a scalar, and which are a point.
func TestES256Parts(t *testing.T) {
	order, one := new(big.Int).SetBytes(unhex(t, orderP256)), big.NewInt(1)
	scalar := func(value *big.Int) []byte { return value.FillBytes(make([]byte, 32)) }
	for name, c := range map[string]struct {
		scalar []byte
		valid  bool
	}{
		"one":                     {scalar(one), true},
		"the order less one":      {scalar(new(big.Int).Sub(order, one)), true},
		"zero":                    {make([]byte, 32), false},
		"the order":               {scalar(order), false},
		"more than the order":     {[]byte(strings.Repeat("\xff", 32)), false},
		"nothing":                 {nil, false},
		"31 bytes":                {[]byte(strings.Repeat("\x01", 31)), false},
		"a zero before 32 bytes":  {append([]byte{0}, scalar(one)...), false},
		"a scalar with its point": {unhex(t, rfc6979Scalar+rfc6979X+rfc6979Y), false},
	} {
		made := func() { keys.NewES256("kid", c.scalar, keys.Plan{}) }
		if c.valid {
			assert.NotPanics(t, made, name)
		} else {
			assert.Panics(t, made, name)
		}
	}

	// A point whose x is zero: the modulus is a second way to write it in 256 bits.
	const small = "0000000000000000000000000000000000000000000000000000000000000000" +
		"66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"
	for name, c := range map[string]struct {
		public string
		valid  bool
	}{
		"a point":                         {rfc6979X + rfc6979Y, true},
		"a point whose x is zero":         {small, true},
		"x not below the modulus":         {modulusP256 + small[64:], false},
		"not on the curve":                {rfc6979X + rfc6979X, false},
		"x and y exchanged":               {rfc6979Y + rfc6979X, false},
		"zeros":                           {strings.Repeat("00", 64), false},
		"the modulus twice":               {modulusP256 + modulusP256, false},
		"nothing":                         {"", false},
		"x alone":                         {rfc6979X, false},
		"compressed":                      {"03" + rfc6979X, false},
		"uncompressed, with its prefix":   {"04" + rfc6979X + rfc6979Y, false},
		"with the scalar in front":        {rfc6979Scalar + rfc6979X + rfc6979Y, false},
		"a byte too short":                {(rfc6979X + rfc6979Y)[:126], false},
		"the point at infinity (SEC 1)":   {"00", false},
		"of the other sign, on the curve": {negated(t, rfc6979X+rfc6979Y), true},
	} {
		made := func() { keys.NewVerifier(keys.ES256, "kid", unhex(t, c.public), keys.Plan{}) }
		if c.valid {
			assert.NotPanics(t, made, name)
		} else {
			assert.Panics(t, made, name)
		}
	}
}

// negated returns the point with the other y.
func negated(t testing.TB, point string) string {
	t.Helper()
	y := new(big.Int).SetBytes(unhex(t, point[64:]))
	y.Sub(new(big.Int).SetBytes(unhex(t, modulusP256)), y)
	return point[:64] + hex.EncodeToString(y.FillBytes(make([]byte, 32)))
}
