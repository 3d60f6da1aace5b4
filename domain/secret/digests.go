package secret

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
)

// A wordDigests holds the digests of the listed words, alone and with what is often added to them,
// and those of small and common numbers, by one algorithm.
type wordDigests struct {
	size int
	// sum appends the digest of text to to.
	sum func(to, text []byte) []byte
	// starts holds the first four bytes of all digests. They are computed once, when the first
	// secret has the size of one: the digests take some milliseconds, and most configurations need
	// none or those of one algorithm.
	starts func() hashSet
}

// hashSet is a set of evenly distributed numbers, by open addressing: each is at the index that is
// proportional to it, or at the next free one. 0 marks a free index, so 0 is always in the set.
type hashSet []uint32

// find returns the element that holds a number, or the free element where it belongs.
func (s hashSet) find(n uint32) *uint32 {
	for i := uint64(n) * uint64(len(s)) >> 32; ; i = (i + 1) % uint64(len(s)) {
		if s[i] == n || s[i] == 0 {
			return &s[i]
		}
	}
}

// digestsOfWords has a row for each algorithm.
var digestsOfWords = []*wordDigests{
	newWordDigests(md5.Size, func(to, text []byte) []byte {
		digest := md5.Sum(text)
		return append(to, digest[:]...)
	}),
	newWordDigests(sha1.Size, func(to, text []byte) []byte {
		digest := sha1.Sum(text)
		return append(to, digest[:]...)
	}),
	newWordDigests(sha256.Size, func(to, text []byte) []byte {
		digest := sha256.Sum256(text)
		return append(to, digest[:]...)
	}),
	newWordDigests(sha512.Size, func(to, text []byte) []byte {
		digest := sha512.Sum512(text)
		return append(to, digest[:]...)
	}),
}

func newWordDigests(size int, sum func(to, text []byte) []byte) *wordDigests {
	d := &wordDigests{size: size, sum: sum}
	d.starts = sync.OnceValue(func() hashSet {
		found := make([]uint32, 0, digestsEach*len(entries(commonWords)))
		d.each(func(digest []byte) bool {
			found = append(found, binary.BigEndian.Uint32(digest))
			return true
		})
		starts := make(hashSet, 3*len(found)/2)
		for _, start := range found {
			*starts.find(start) = start
		}
		return starts
	})
	return d
}

// digestsEach is about the number of digests for each listed word.
const digestsEach = 60

// fewAdditions are what people add most often to a word: the line break of echo, the first numbers,
// or an exclamation mark.
var fewAdditions = []string{"", "\n", "1", "12", "123", "1234", "!"}

// additions are what people add to a word: a line break, a digit, a mark, or the first numbers.
var additions = func() []string {
	list := []string{"", "\n", "12", "123", "1234"}
	for c := byte('!'); c <= '~'; c++ {
		if isMark(c) || '0' <= c && c <= '9' {
			list = append(list, string(c))
		}
	}
	return list
}()

// smallNumbers is above the numbers whose digests are those of words: years, PINs, identifiers.
const smallNumbers = 10000

// commonNumbers are longer numbers that people type.
var commonNumbers = []string{"12345", "123456", "1234567", "12345678", "123456789", "1234567890",
	"0123456789", "54321", "654321", "987654321", "9876543210", "123123", "123321", "112233",
	"121212", "00000", "000000", "00000000", "11111", "111111", "11111111", "555555", "666666",
	"777777", "888888", "88888888", "999999"}

// each calls yield with each digest until it returns false.
func (d *wordDigests) each(yield func(digest []byte) bool) {
	var text, digest []byte
	with := func(additions []string) bool {
		end := len(text)
		for _, addition := range additions {
			text = append(text[:end], addition...)
			if digest = d.sum(digest[:0], text); !yield(digest) {
				return false
			}
		}
		return true
	}
	for _, word := range entries(commonWords) {
		if text = append(text[:0], word...); !with(additions) {
			return
		}
		if text = append(text[:0], strings.ToUpper(word)...); !with(fewAdditions[:2]) {
			return
		}
		if text = append(text[:1], word[1:]...); !with(fewAdditions) {
			return
		}
	}
	for n := range smallNumbers {
		if text = strconv.AppendInt(text[:0], int64(n), 10); !with(fewAdditions[:2]) {
			return
		}
	}
	for _, number := range commonNumbers {
		if text = append(text[:0], number...); !with(fewAdditions[:2]) {
			return
		}
	}
}

// contains reports whether material is one of the digests.
func (d *wordDigests) contains(material []byte) bool {
	if start := binary.BigEndian.Uint32(material); *d.starts().find(start) != start {
		return false
	}
	found := false
	d.each(func(digest []byte) bool {
		found = bytes.Equal(digest, material)
		return !found
	})
	return found
}

// isWordDigest reports whether material is the MD5, SHA-1, SHA-256 or SHA-512 of a listed word.
func isWordDigest(material []byte) bool {
	for _, digests := range digestsOfWords {
		if len(material) == digests.size {
			return digests.contains(material)
		}
	}
	return false
}

// isEncodedWordDigest reports whether a text is a digest of isWordDigest in hex, base64 or
// base64url.
func isEncodedWordDigest(text string) bool {
	if material, err := hex.DecodeString(text); err == nil {
		return isWordDigest(material)
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	material, err := encoding.DecodeString(strings.TrimRight(text, "="))
	return err == nil && isWordDigest(material)
}
