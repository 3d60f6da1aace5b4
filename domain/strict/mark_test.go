package strict_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/strict"
)

func TestUTF16(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "", "{}": "", strict.ByteOrderMark + "{}": "", "\x00\x00": "", "a\x00": "",
		"\x00\xff no text": "", "a\x00bc": "",
		"\xff\xfea\x00": "UTF-16 (little endian)", "a\x00b\x00": "UTF-16 (little endian)",
		"\xfe\xff\x00a": "UTF-16 (big endian)", "\x00a\x00b": "UTF-16 (big endian)",
	} {
		assert.Equal(t, want, strict.UTF16(text), "%q", text)
	}
}
