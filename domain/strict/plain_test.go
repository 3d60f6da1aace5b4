package strict_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/strict"
)

func TestPlain(t *testing.T) {
	const all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	for i := range 256 {
		text := string([]byte{byte(i)})
		assert.Equal(t, strings.Contains(all, text), strict.Plain(text, 1), "%q", text)
	}
	assert.False(t, strict.Plain("", 3))
	assert.True(t, strict.Plain("a.b", 3))
	assert.False(t, strict.Plain("a.bc", 3))
	assert.False(t, strict.Plain("\u212a", 3), "Kelvin sign")
}

// TestPrintable puts each byte at each place of texts of each length.
func TestPrintable(t *testing.T) {
	assert.True(t, strict.Printable(""))
	for length := range 20 {
		for at := range length {
			for char := range 256 {
				for _, others := range []string{" ", "x", "~"} {
					text := []byte(strings.Repeat(others, length))
					text[at] = byte(char)
					assert.Equal(t, char >= ' ' && char <= '~', strict.Printable(string(text)),
						"%q", text)
				}
			}
		}
	}
}
