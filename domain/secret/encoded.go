package secret

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/strict"
)

// decodings returns the texts that a text decodes to, in one step or in two, without white space,
// NULs and byte order marks at their ends.
func decodings(text string) []string {
	once := decode(text)
	all := once
	for _, decoded := range once {
		for _, again := range decode(decoded) {
			if !slices.Contains(all, again) {
				all = append(all, again)
			}
		}
	}
	return all
}

// disguises returns a text backwards and in ROT13 if it may be words: if nine characters in ten are
// letters or separate words, which few random texts have.
func disguises(text string) []string {
	letters := 0
	backwards, rotated := make([]byte, len(text)), make([]byte, len(text))
	for i, c := range []byte(text) {
		backwards[len(text)-1-i], rotated[i] = c, c
		switch folded := c | 0x20; {
		case 'a' <= folded && folded <= 'm':
			rotated[i] += 13
		case 'n' <= folded && folded <= 'z':
			rotated[i] -= 13
		case c >= 0x80:
			return nil // refused as it is
		case c != ' ' && c != '-' && c != '_' && c != '.':
			continue
		}
		letters++
	}
	if 10*letters < 9*len(text) {
		return nil
	}
	return []string{string(backwards), string(rotated)}
}

// decode returns the texts that a text decodes to in one step. Decoders are as lenient as common
// ones about padding, line ends and the unused bits of the last character.
func decode(text string) []string {
	var texts []string
	if scheme, rest, found := strings.Cut(text, ":"); found && slices.Contains(schemes,
		strings.ToLower(scheme)) {
		text = rest
	}
	keep := func(decoded []byte, err error) {
		if err != nil || len(decoded) == 0 {
			return
		}
		if found, ok := asText(decoded); ok && found != "" && found != text {
			texts = append(texts, found)
		}
	}
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		digits = digits[2:]
	}
	keep(hex.DecodeString(digits))
	unpadded := strings.TrimRight(text, "=")
	base := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		base = base64.RawURLEncoding
	}
	keep(base.DecodeString(unpadded))
	keep(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(unpadded)))
	for _, prefix := range []string{"%", `\x`} {
		if strings.Contains(text, prefix) {
			keep(unescape(text, prefix), nil)
		}
	}
	for _, numbers := range []int{16, 10, 8} {
		keep(byteList(text, numbers), nil)
	}
	return texts
}

// schemes are the names of encodings that may precede a text, with a colon.
var schemes = []string{"hex", "base16", "base32", "base64", "base64url", "b64"}

// unescape replaces each prefix with two hex digits by the byte that they are.
func unescape(text, prefix string) []byte {
	var decoded []byte
	for len(text) > 0 {
		if rest, ok := strings.CutPrefix(text, prefix); ok && len(rest) >= 2 {
			if b, err := hex.DecodeString(rest[:2]); err == nil {
				decoded, text = append(decoded, b...), rest[2:]
				continue
			}
		}
		decoded, text = append(decoded, text[0]), text[1:]
	}
	return decoded
}

// byteList returns the bytes that a text lists as numbers in a base with separators, with or
// without brackets, in octal also with backslashes or three digits each; nil if it is no such list.
func byteList(text string, base int) []byte {
	const separators = " \t\r\n,;:-_|."
	if base == 8 {
		text = strings.ReplaceAll(text, `\`, " ")
		if len(text)%3 == 0 && consistsOf(text, "01234567") {
			text = spaced(text, 3)
		}
	}
	items := strings.FieldsFunc(strings.Trim(text, "[]{}() "), func(r rune) bool {
		return strings.ContainsRune(separators, r)
	})
	if len(items) < 4 {
		return nil
	}
	decoded := make([]byte, 0, len(items))
	for _, item := range items {
		if base == 16 {
			for _, prefix := range []string{"0x", "0X", `\x`} {
				item = strings.TrimPrefix(item, prefix)
			}
		}
		if len(item) > 3 || base == 16 && len(item) > 2 {
			return nil
		}
		b, err := strconv.ParseUint(item, base, 8)
		if err != nil {
			return nil
		}
		decoded = append(decoded, byte(b))
	}
	return decoded
}

// spaced returns a text of ASCII with a space after each n characters.
func spaced(text string, n int) string {
	var parts strings.Builder
	for ; len(text) >= n; text = text[n:] {
		parts.WriteString(text[:n] + " ")
	}
	return parts.String()
}

// minBeyondASCII is the minimum number of bytes of text that is not printable ASCII: shorter random
// bytes may look like such text.
const minBeyondASCII = 24

// asText returns material as text, without white space, NULs and byte order marks at the ends. It
// reports whether material is text: printable ASCII, also in UTF-16, or at least minBeyondASCII
// bytes of valid UTF-8 of which nine characters in ten are letters, digits, punctuation, symbols or
// spaces.
func asText(material []byte) (string, bool) {
	if text, ok := fromUTF16(material); ok {
		return text, true
	}
	text := stripped(string(material))
	ascii, readable, characters := true, 0, 0
	for _, r := range text {
		characters++
		ascii = ascii && ' ' <= r && r <= '~'
		if r != utf8.RuneError && (r == ' ' || unicode.In(r, unicode.L, unicode.N, unicode.P,
			unicode.S, unicode.Zs)) {
			readable++
		}
	}
	return text, ascii || len(text) >= minBeyondASCII && utf8.ValidString(text) &&
		10*readable >= 9*characters
}

// stripped returns a text without white space, NULs and byte order marks at both ends.
func stripped(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return r == 0 || r == '\ufeff' || unicode.IsSpace(r)
	})
}

// fromUTF16 returns the text of material if it is printable ASCII in UTF-16 of either byte order,
// apart from what stripped removes.
func fromUTF16(material []byte) (string, bool) {
	if len(material) < 2 || len(material)%2 != 0 {
		return "", false
	}
	for _, low := range []int{0, 1} {
		text := make([]rune, 0, len(material)/2)
		for i := 0; i < len(material); i += 2 {
			text = append(text, rune(material[i+1-low])<<8|rune(material[i+low]))
		}
		if found := stripped(string(text)); found != "" && strict.Printable(found) {
			return found, true
		}
	}
	return "", false
}
