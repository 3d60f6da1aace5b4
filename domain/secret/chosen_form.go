package secret

import (
	"math"
	"strings"
)

// The alphabets of generators, beside those that consist of whole classes.
const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
	base32Of = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	base62   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// generatorBits returns how many bits the smallest generator form that fits a text has: hex,
// base32, base64, base64url, a UUID, or characters of the classes that are present.
func generatorBits(text []byte) float64 {
	fewest := bitsByClass(text)
	unpadded := strings.TrimRight(string(text), "=")
	consider := func(alphabet string, each int) {
		if consistsOf(unpadded, alphabet) {
			// Whole bytes: the last character has fewer bits.
			fewest = min(fewest, float64(len(unpadded)*each/8*8))
		}
	}
	consider(lowerHex, 4)
	consider(upperHex, 4)
	consider(base32Of, 5)
	consider(strings.ToLower(base32Of), 5)
	consider(base62+"+/", 6)
	consider(base62+"-_", 6)
	if isUUID(text) {
		fewest = min(fewest, 122)
	}
	return fewest
}

// minHexPart is the minimum length of a part in hex that counts as such.
const minHexPart = 16

// bitsByClass returns the bits of a text of any characters of the classes that are present, in
// which long parts between marks may be hex.
func bitsByClass(text []byte) float64 {
	each := math.Log2(float64(classesOf(text)))
	total, from := 0.0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && !isMark(text[i]) {
			continue
		}
		part := string(text[from:i])
		if len(part) >= minHexPart && (consistsOf(part, lowerHex) || consistsOf(part, upperHex)) {
			total += min(4, each) * float64(len(part))
		} else {
			total += each * float64(len(part))
		}
		if i < len(text) {
			total += each
		}
		from = i + 1
	}
	return total
}

// consistsOf reports whether a text has no character that is not in the alphabet.
func consistsOf(text, alphabet string) bool { return strings.Trim(text, alphabet) == "" }

// classesOf returns the number of characters in the classes that are present.
func classesOf(text []byte) int {
	var lower, upper, digits, marks int
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z':
			lower = 26
		case 'A' <= c && c <= 'Z':
			upper = 26
		case '0' <= c && c <= '9':
			digits = 10
		default:
			marks = 33
		}
	}
	return max(2, lower+upper+digits+marks)
}

// isUUID reports whether a text is a UUID in hex with hyphens (RFC 9562, section 4).
func isUUID(text []byte) bool {
	if len(text) != 36 {
		return false
	}
	digits := append([]byte(nil), text...)
	for _, i := range []int{8, 13, 18, 23} {
		if digits[i] != '-' {
			return false
		}
		digits[i] = '0'
	}
	return consistsOf(string(digits), lowerHex) || consistsOf(string(digits), upperHex)
}

// isMark reports whether c is neither a letter nor a digit.
func isMark(c byte) bool {
	return !isUpper(c) && (c < 'a' || 'z' < c) && (c < '0' || '9' < c)
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
