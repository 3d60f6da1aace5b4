package strict_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

// TestBase64RoundTrip goes over RFC 4648 §10, in its other alphabet and without padding, and over the two letters that differ.
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
		"padding where none is due":   "Zm9v=",
		"padding alone":               "=",
		"four bits too many":          "Zh",
		"lowest of four bits":         "Zv",
		"two bits too many":           "Zm9",
		"lowest of two bits":          "Zm-",
		"one character":               "Z",
		"one character too many":      "Zm9vY",
		"plus":                        "+_-_",
		"slash":                       "-/-_",
		"both alphabets":              "-_+/",
		"space":                       "Zm 9v",
		"space before":                " Zm9v",
		"space behind":                "Zm9v ",
		"tab":                         "Zm9v\t",
		"line feed alone":             "\n",
		"carriage return alone":       "\r",
		"line feed behind":            "Zm9v\n",
		"line feed before":            "\nZm9v",
		"line feed inside":            "Zm\n9v",
		"carriage return inside":      "Zm9v\rYmFy",
		"line end of two characters":  "Zm9v\r\nYmFy",
		"line feed in a short end":    "Z\ng",
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

// TestDecodeBase64OneTextOnly tries every last letter: of those that a lenient reader takes for the same bytes, one is taken.
func TestDecodeBase64OneTextOnly(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for length, accepted := range map[int]int{2: 4, 3: 16, 4: 64} {
		prefix := strings.Repeat("A", length-1)
		taken := 0
		for _, last := range alphabet {
			decoded, err := strict.DecodeBase64(prefix + string(last))
			if err == nil {
				taken++
				assert.Equal(t, prefix+string(last), strict.EncodeBase64(decoded))
			}
		}
		assert.Equal(t, accepted, taken, "of %d characters", length)
	}
}

func FuzzDecodeBase64(f *testing.F) {
	for _, seed := range []string{"", "Zg", "Zh", "Zg==", "Zm9v", "Zm9v\n", "-_-_", "+/+/", "\xff",
		"A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decoded, err := strict.DecodeBase64(text)
		lenient, lenientErr := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			assert.True(t, lenientErr != nil ||
				base64.RawURLEncoding.EncodeToString(lenient) != text, "refused without need: %q",
				text)
			return
		}
		require.NoError(t, lenientErr)
		assert.Equal(t, lenient, decoded)
		assert.Equal(t, text, strict.EncodeBase64(decoded), "one text for the bytes")
	})
}
