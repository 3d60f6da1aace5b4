package strict_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

// TestBase64RoundTrip uses the vectors of RFC 4648 §10 without padding, and the two characters in
// which the alphabets differ.
func TestBase64RoundTrip(t *testing.T) {
	for data, text := range map[string]string{
		"": "", "f": "Zg", "fo": "Zm8", "foo": "Zm9v", "foob": "Zm9vYg", "fooba": "Zm9vYmE",
		"foobar":       "Zm9vYmFy",
		"\xfb\xff\xbf": "-_-_", "\x00": "AA", "\x00\x00": "AAA", "\xff": "_w", "\xff\xff": "__8",
	} {
		decoded, err := strict.DecodeBase64(text)
		require.NoError(t, err, text)
		assert.Equal(t, data, string(decoded))
		assert.Equal(t, text, strict.EncodeBase64([]byte(data)))
		assert.Equal(t, "before."+text, string(strict.AppendBase64([]byte("before."),
			[]byte(data))))
	}
}

func TestDecodeBase64Refuses(t *testing.T) {
	for name, text := range map[string]string{
		"padding":                     "Zg==",
		"padding, one":                "Zm8=",
		"padding cut short":           "Zg=",
		"unneeded padding":            "Zm9v=",
		"only padding":                "=",
		"four bits too many":          "Zh",
		"lowest of four bits set":     "Zv",
		"two bits too many":           "Zm9",
		"lowest of two bits set":      "Zm-",
		"one character":               "Z",
		"one character too many":      "Zm9vY",
		"plus":                        "+_-_",
		"slash":                       "-/-_",
		"both alphabets":              "-_+/",
		"space":                       "Zm 9v",
		"space before":                " Zm9v",
		"space after":                 "Zm9v ",
		"tab":                         "Zm9v\t",
		"only a line feed":            "\n",
		"only a carriage return":      "\r",
		"line feed after":             "Zm9v\n",
		"line feed before":            "\nZm9v",
		"line feed inside":            "Zm\n9v",
		"carriage return inside":      "Zm9v\rYmFy",
		"CRLF":                        "Zm9v\r\nYmFy",
		"line feed in a short group":  "Z\ng",
		"NUL":                         "Zm9v\x00",
		"dot":                         "Zm9v.",
		"not ASCII":                   "Zm9\u00e9",
		"full-width letter":           "\uff3am9v",
		"invalid UTF-8":               "Zm9\xff",
		"percent":                     "Zm9v%3D",
		"long, with a break at 76":    strings.Repeat("A", 76) + "\n" + strings.Repeat("A", 4),
		"long, with a break at start": "\r\n" + strings.Repeat("A", 76),
	} {
		t.Run(name, func(t *testing.T) {
			decoded, err := strict.DecodeBase64(text)
			require.ErrorIs(t, err, strict.ErrBase64)
			assert.Nil(t, decoded)
		})
	}
}

// TestDecodeBase64AcceptsOneTextOnly tries every last character: of those that a lenient decoder
// decodes to the same bytes, exactly one is accepted.
func TestDecodeBase64AcceptsOneTextOnly(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for length, want := range map[int]int{2: 4, 3: 16, 4: 64} {
		prefix := strings.Repeat("A", length-1)
		accepted := 0
		for _, last := range alphabet {
			decoded, err := strict.DecodeBase64(prefix + string(last))
			if err == nil {
				accepted++
				assert.Equal(t, prefix+string(last), strict.EncodeBase64(decoded))
			}
		}
		assert.Equal(t, want, accepted, "%d characters", length)
	}
}

// TestBase64LikeLibrary encodes and decodes data of each length, with each byte at each place of a
// group, and refuses each other character at each place of a text.
func TestBase64LikeLibrary(t *testing.T) {
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(31 * i * i)
	}
	for n := range 64 {
		for start := range 256 - n {
			part := data[start : start+n]
			text := base64.RawURLEncoding.EncodeToString(part)
			require.Equal(t, text, strict.EncodeBase64(part))
			decoded, err := strict.AppendDecodedBase64([]byte("before"), text)
			require.NoError(t, err, text)
			require.Equal(t, "before"+string(part), string(decoded))
		}
	}
	text := []byte(base64.RawURLEncoding.EncodeToString(data[:29]))
	for at, was := range text {
		for char := range 256 {
			text[at] = byte(char)
			_, err := strict.DecodeBase64(string(text))
			_, want := base64.RawURLEncoding.Strict().DecodeString(string(text))
			require.Equal(t, want != nil || char == '\n' || char == '\r', err != nil, "%q", text)
		}
		text[at] = was
	}
}

func FuzzDecodeBase64(f *testing.F) {
	for _, seed := range []string{"", "Zg", "Zh", "Zg==", "Zm9v", "Zm9v\n", "-_-_", "+/+/", "\xff",
		"A", "Zm9vYmFyZm9vYmFy", "Zm9vYmFyZm9vYmF", "Zm9vYmFy\nZm9vYmFy", "Zm9vYmFyZm9vYm+_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		assert.Equal(t, base64.RawURLEncoding.EncodeToString([]byte(text)),
			strict.EncodeBase64([]byte(text)))
		decoded, err := strict.DecodeBase64(text)
		lenient, lenientErr := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			assert.True(t, lenientErr != nil ||
				base64.RawURLEncoding.EncodeToString(lenient) != text,
				"refused although strict: %q", text)
			return
		}
		require.NoError(t, lenientErr)
		assert.Equal(t, lenient, decoded)
		assert.Equal(t, text, strict.EncodeBase64(decoded), "must be the only text for these bytes")
	})
}

// BenchmarkBase64 codes as many bytes as the claims of a session take, beside the standard library.
func BenchmarkBase64(b *testing.B) {
	data := []byte(strings.Repeat("claims of a session, and more. ", 6)[:175])
	text := strict.EncodeBase64(data)
	library := base64.RawURLEncoding.Strict()
	memory := make([]byte, 0, 512)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"encode", func() { memory = strict.AppendBase64(memory[:0], data) }},
		{"encode, library", func() { memory = library.AppendEncode(memory[:0], data) }},
		{"decode", func() { memory, _ = strict.AppendDecodedBase64(memory[:0], text) }},
		{"decode, library", func() { memory, _ = library.AppendDecode(memory[:0], []byte(text)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
		})
	}
}
