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
	"strings"
	"sync"
)

// A wordDigests holds the digests of the listed words, alone and with what is often added to them,
// by one algorithm.
type wordDigests struct {
	size   int
	append func(digest, text []byte) []byte
	// starts holds the first four bytes of all digests. They are computed once, when the first
	// secret has the size of one: the digests take some milliseconds, and most configurations need
	// none or those of one algorithm.
	starts func() hashSet
}

// hashSet is a set of numbers, which are evenly distributed: each is at the place that its upper
// bits name, or at the next free one. 0 is a free place, so 0 is always in the set.
type hashSet []uint32

// find returns the place of a number, or the free one where it belongs.
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
	d := &wordDigests{size: size, append: sum}
	d.starts = sync.OnceValue(func() hashSet {
		starts := make(hashSet, 3*len(entries(commonWords))*len(additions)/2)
		d.each(func(digest []byte) bool {
			start := binary.BigEndian.Uint32(digest)
			*starts.find(start) = start
			return true
		})
		return starts
	})
	return d
}

// additions are what people add to a word: a digit, a mark, or the first numbers.
var additions = func() []string {
	list := []string{"", "12", "123", "1234"}
	for c := byte('!'); c <= '~'; c++ {
		if isMark(c) || '0' <= c && c <= '9' {
			list = append(list, string(c))
		}
	}
	return list
}()

// each calls yield with each digest until it returns false.
func (d *wordDigests) each(yield func(digest []byte) bool) {
	var text, digest []byte
	for _, word := range entries(commonWords) {
		for _, addition := range additions {
			text = append(append(text[:0], word...), addition...)
			if digest = d.append(digest[:0], text); !yield(digest) {
				return
			}
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

// isDigestOfWord reports whether a text is such a digest in hex, base64 or base64url.
func isDigestOfWord(text string) bool {
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
