package strict

import (
	"encoding/binary"
	"errors"
	"slices"
)

// ErrBase64 is returned for text that is not strict base64url.
var ErrBase64 = errors.New("not strict base64url")

// alphabet holds the characters of base64url in the order of their values (RFC 4648 §5).
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// The six bytes of eight characters are coded at a time, by tables: encoding/base64, which looks up
// each character, and ignores line breaks anywhere, takes about twice as long. See BenchmarkBase64.
const (
	groupBytes = 6
	groupChars = 8
)

// DecodeBase64 decodes base64url without padding (RFC 4648 §5, §3.2). It refuses every variation
// that would give the same data a second text: padding, white space, the standard alphabet, and
// nonzero unused trailing bits. Its error is ErrBase64.
func DecodeBase64(text string) ([]byte, error) { return AppendDecodedBase64([]byte{}, text) }

// AppendDecodedBase64 appends what DecodeBase64 decodes text to. It returns nil if it fails. The
// capacity of to beyond the result may be overwritten.
func AppendDecodedBase64(to []byte, text string) ([]byte, error) {
	// PutUint64 writes two bytes beyond the last group.
	to = slices.Grow(to, max(len(text)*groupBytes/groupChars, len(text)/groupChars*groupBytes+2))
	rest := to[len(to):cap(to)]
	found := uint32(0)
	for len(text) >= groupChars && len(rest) >= 8 {
		first, second := valueOf(text[:4]), valueOf(text[4:8])
		found |= first | second
		binary.BigEndian.PutUint64(rest, uint64(first)<<40|uint64(second)<<16)
		text, rest = text[groupChars:], rest[groupBytes:]
	}
	if found&notInAlphabet != 0 {
		return nil, ErrBase64
	}
	return appendLastDecoded(to[:cap(to)-len(rest)], text)
}

// valueOf returns the 24 bits of four characters, or notInAlphabet and any bits.
func valueOf(four string) uint32 {
	return values[0][four[0]] | values[1][four[1]] | values[2][four[2]] | values[3][four[3]]
}

// appendLastDecoded decodes fewer characters than a group has.
func appendLastDecoded(to []byte, text string) ([]byte, error) {
	if len(text)%4 == 1 {
		return nil, ErrBase64
	}
	bits, width := uint32(0), 0
	for i := range len(text) {
		value := values[3][text[i]]
		if value == notInAlphabet {
			return nil, ErrBase64
		}
		bits, width = bits<<6|value, width+6
		if width >= 8 {
			width -= 8
			to = append(to, byte(bits>>width))
		}
	}
	if bits<<(32-width) != 0 {
		return nil, ErrBase64
	}
	return to, nil
}

// notInAlphabet marks characters that have no value.
const notInAlphabet = 1 << 31

// values holds the values of characters, for each of four that follow each other, where its bits
// are among theirs.
var values = func() (values [4][256]uint32) {
	for place := range values {
		for char := range values[place] {
			values[place][char] = notInAlphabet
		}
		for value := range len(alphabet) {
			values[place][alphabet[value]] = uint32(value) << (6 * (3 - place))
		}
	}
	return values
}()

// EncodeBase64 returns the only text that DecodeBase64 decodes to data.
func EncodeBase64(data []byte) string { return string(AppendBase64(nil, data)) }

// AppendBase64 appends the result of EncodeBase64 for data. It may overwrite the capacity of to
// beyond the result.
func AppendBase64(to, data []byte) []byte {
	end := len(to) + (len(data)*groupChars+groupBytes-1)/groupBytes
	to = slices.Grow(to, end-len(to)+groupChars)
	for ; len(data) >= 8; data = data[groupBytes:] {
		to = appendGroup(to, binary.BigEndian.Uint64(data))
	}
	var last [2 * groupBytes]byte // up to seven bytes, then zeros
	copy(last[:], data)
	to = appendGroup(to, binary.BigEndian.Uint64(last[:]))
	if len(data) > groupBytes {
		to = appendGroup(to, uint64(last[groupBytes])<<56)
	}
	return to[:end]
}

// appendGroup appends the text of the first six bytes of group.
func appendGroup(to []byte, group uint64) []byte {
	return binary.LittleEndian.AppendUint64(to, uint64(pairs[group>>52])|
		uint64(pairs[group>>40&0xfff])<<16|uint64(pairs[group>>28&0xfff])<<32|
		uint64(pairs[group>>16&0xfff])<<48)
}

// pairs holds the two characters of each twelve bits, the first one in the lower byte.
var pairs = func() (pairs [1 << 12]uint16) {
	for bits := range pairs {
		pairs[bits] = uint16(alphabet[bits>>6]) | uint16(alphabet[bits&63])<<8
	}
	return pairs
}()
