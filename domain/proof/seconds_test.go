package proof_test

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/proof"
)

// TestSeconds checks that fractions are cut off, toward zero, and that numbers out of range give
// the end of the range.
func TestSeconds(t *testing.T) {
	for number, want := range map[string]int64{
		"0": 0, "-0": 0, "1": 1, "-1": -1, "1790000000": 1790000000,
		"1.9": 1, "-1.9": -1, "0.9": 0, "-0.9": 0, "1e0": 1, "1E+1": 10, "-1e1": -10,
		"1790000000.25": 1790000000, "1.79e9": 1790000000, "1790000000000e-3": 1790000000,
		"17.9000000099e8": 1790000000, "1.99999999999999999999": 1,
		"1790000060.99999999999999999999": 1790000060, // a float64 would round up
		"0e400":                           0, "0.0e400": 0, "0e-400": 0, "1e-400": 0, "9e-1": 0, "99e-1": 9,
		"0.000000001e9": 1, "0.0000000019e9": 1, "1e17": 1e17, "-1e17": -1e17,
		"576460752303423487": proof.MaxSeconds - 1, "576460752303423488": proof.MaxSeconds,
		"576460752303423489": proof.MaxSeconds, "5764607523034234879": proof.MaxSeconds, "1e19": proof.MaxSeconds,
		"9223372036854775808": proof.MaxSeconds, "18446744075480794816": proof.MaxSeconds,
		"1e400": proof.MaxSeconds, "-1e400": -proof.MaxSeconds,
		"1e99999999999999999999":                    proof.MaxSeconds,
		"1e-99999999999999999999":                   0,
		"0e99999999999999999999":                    0,
		strings.Repeat("9", 6000):                   proof.MaxSeconds,
		strings.Repeat("9", 6000) + "e-5999":        9,
		strings.Repeat("9", 6000) + "e-9999":        0,
		"0." + strings.Repeat("0", 5999) + "7":      0,
		"0." + strings.Repeat("0", 5999) + "7e6001": 70,
	} {
		assert.Equal(t, want, proof.Seconds(number), "%.40s", number)
	}
}

// TestSecondsAreExact compares with rational numbers.
func TestSecondsAreExact(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		text := number.Draw(t, "number")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is not a number", text)
		}
		want := new(big.Int).Quo(exact.Num(), exact.Denom()) // toward zero
		for _, bound := range []int64{-proof.MaxSeconds, proof.MaxSeconds} {
			if limit := big.NewInt(bound); want.Sign() == limit.Sign() && want.CmpAbs(limit) > 0 {
				want = limit
			}
		}
		if got := proof.Seconds(text); strconv.FormatInt(got, 10) != want.String() {
			t.Fatalf("%s is %d, want %s", text, got, want)
		}
	})
}
