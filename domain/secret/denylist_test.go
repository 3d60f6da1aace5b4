package secret_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/secret"
)

func TestParseDenyList(t *testing.T) {
	const short = "line 1 has 5 characters: a secret has 32 to 1024"
	const wrapped = "has quotes, a name, a comment, a mark or an invisible character that is no part of a secret"
	for _, c := range []struct {
		name, content string
		secrets       []string // that the list refuses
		warnings      []string
	}{
		{"a secret", strong, []string{strong}, nil},
		{"secrets", strong + "\n" + published + "\n", []string{strong, published}, nil},
		{"CR LF", strong + "\r\n" + published + "\r\n", []string{strong, published}, nil},
		{"a byte order mark", "\ufeff" + strong + "\n", []string{strong}, nil},
		{"concatenated files", published + "\n\ufeff" + strong, []string{strong, published}, nil},
		{"white space and blank lines", "\n \t\n  " + strong + "\t\n\n", []string{strong}, nil},
		{"a line of comment", "# the old ones\n" + strong + "\n#\n", []string{strong}, nil},
		{"a secret that starts with #", "#" + strong, []string{"#" + strong}, nil},
		{"too short", "short\n" + strong, []string{strong}, []string{short}},
		{"quotes around text", strong + "\n\"" + published + "? \"", []string{strong}, nil},
		{"quotes around a key", "\"" + strong + "\"", []string{strong}, []string{"line 1 " + wrapped}},
		{"a name", "\nSECRET=" + strong, []string{strong}, []string{"line 2 " + wrapped}},
		{"a comma", strong + ",", []string{strong}, []string{"line 1 " + wrapped}},
		{"an invisible character", strong + "\u200b", []string{strong}, []string{"line 1 " + wrapped}},
		{"a comment after it", strong + " # of 2025", []string{strong},
			[]string{"line 1 has a comment after the secret, or a secret with white space inside"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := secret.ParseDenyList([]byte(c.content))
			assert.Empty(t, list.Faults)
			for _, text := range c.secrets {
				assert.NotEmpty(t, secret.NewPolicy(list.Secrets).Assess(text), "must be refused")
			}
			var warnings []string
			for _, warning := range list.Warnings {
				warnings = append(warnings, warning.String())
			}
			assert.Equal(t, c.warnings, warnings)
		})
	}
	for _, c := range []struct{ name, content, want string }{
		{"invalid UTF-8", strong + "\n\xff" + strong, "line 2 is not valid UTF-8"},
		{"a NUL", strong + "\n" + strong + "\x00\n", "line 2 has a control character"},
		{"an escape", "\x1b[0m" + strong, "line 1 has a control character"},
		{"a tab inside", strong[:9] + "\t" + strong[9:], "line 1 has a control character"},
		{"lone carriage returns", strong + "\r" + published + "\r",
			"line 1 has a carriage return that does not end it"},
		{"UTF-16 with a mark", "\xff\xfe" + inUTF16(binary.LittleEndian, strong),
			"line 1 is in UTF-16 (little endian)"},
		{"UTF-16", inUTF16(binary.LittleEndian, strong), "line 1 is in UTF-16 (little endian)"},
		{"UTF-16, big endian", inUTF16(binary.BigEndian, "\ufeff"+strong),
			"line 1 is in UTF-16 (big endian)"},
		{"UTF-16, big endian, without a mark", inUTF16(binary.BigEndian, strong),
			"line 1 is in UTF-16 (big endian)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := secret.ParseDenyList([]byte(c.content)).Faults
			if assert.Len(t, faults, 1) {
				assert.Equal(t, c.want, faults[0].String())
			}
		})
	}
	t.Run("lists without secrets", func(t *testing.T) {
		for _, content := range []string{"", "\n", " \r\n\n\ufeff", "# none\n#\n"} {
			assert.Equal(t, secret.DenyList{}, secret.ParseDenyList([]byte(content)))
		}
	})
	t.Run("the number of problems is bounded", func(t *testing.T) {
		list := secret.ParseDenyList([]byte(strings.Repeat("\x01\nshort\n", 1000)))
		assert.Len(t, list.Faults, 20)
		assert.Len(t, list.Warnings, 20)
	})
}

func inUTF16(order binary.AppendByteOrder, text string) string {
	var encoded bytes.Buffer
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded.Write(order.AppendUint16(nil, unit))
	}
	return encoded.String()
}
