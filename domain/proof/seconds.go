package proof

import "strings"

// maxSeconds is the largest magnitude that seconds returns: far beyond the range of clocks, and so
// small that ten times as much does not overflow an int64.
const maxSeconds = 1 << 59

// seconds returns the integer part of a JSON number (RFC 7519 §2 allows fractions), limited to
// -maxSeconds and maxSeconds. It is exact: a float64 would round 1.99999999999999999 up.
func seconds(number string) int64 {
	number, negative := strings.CutPrefix(number, "-")
	mantissa, exponent := number, 0
	if at := strings.IndexAny(number, "eE"); at >= 0 {
		mantissa, exponent = number[:at], exponentOf(number[at+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n := int64(0)
	// The exponent moves the point; the integer part is the digits before it.
	for i := range len(whole) + exponent {
		digit := byte('0')
		switch {
		case i < len(whole):
			digit = whole[i]
		case i < len(mantissa)-1: // the point is not a digit
			digit = fraction[i-len(whole)]
		case n == 0:
			return 0 // only zeros follow
		}
		if n = 10*n + int64(digit-'0'); n >= maxSeconds {
			n = maxSeconds
			break
		}
	}
	if negative {
		return -n
	}
	return n
}

// maxExponent is more than a number in a header can have digits, so that a larger exponent makes no
// difference.
const maxExponent = 2 * MaxHeader

// exponentOf returns the value of the exponent of a JSON number, between -maxExponent and
// maxExponent.
func exponentOf(text string) int {
	text, negative := strings.CutPrefix(strings.TrimPrefix(text, "+"), "-")
	n := 0
	for _, digit := range []byte(text) {
		n = min(10*n+int(digit-'0'), maxExponent)
	}
	if negative {
		return -n
	}
	return n
}
