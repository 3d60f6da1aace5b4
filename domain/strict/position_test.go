package strict_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/strict"
)

func TestFailure(t *testing.T) {
	for text, want := range map[string]strict.Position{
		"":                                 {1, 1},
		" \n\t":                            {2, 2},
		"secret":                           {1, 1},
		"nul":                              {1, 1},
		`{"a":1`:                           {1, 7},
		"{\n  \"a\": 1,\n}":                {3, 1},
		"{\"a\":1}\n{}":                    {2, 1},
		"[1,\r\n 2 3]":                     {2, 4},
		"[\"é\", x]":                       {1, 7},
		"[\"a\nb\"]":                       {1, 4},
		"[\"a\xff\"]":                      {1, 4},
		"[\"\\\xff\"]":                     {1, 5},
		"\xef\xbb\xbf{}":                   {1, 1},
		`["\q"]`:                           {1, 5},
		strings.Repeat("[", 65):            {1, 65},
		"{\"keys\":[\n{\"kid\":'a'}\n]}":   {2, 8},
		"{\"a\":1}\x00":                    {1, 8},
		"{\"a\" 1}":                        {1, 6},
		"{\"a\":01}":                       {1, 7},
		`{"a":"` + strings.Repeat("x", 10): {1, 17},
	} {
		at, ok := strict.Failure(text)
		assert.True(t, ok, "%q", text)
		assert.Equal(t, want, at, "%q", text)
	}
	_, ok := strict.Failure(" {\"a\": [1, \"é\"]}\n")
	assert.False(t, ok)
}

// TestFailureAgreesWithParse checks that exactly the texts that Parse refuses have a place, within
// the text.
func TestFailureAgreesWithParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"{", "}", "[", "]", `"a"`,
			":", ",", "1", " ", "\n", "é", "\xff", "\\", "null", `"`}), 0, 12).Draw(t, "parts"), "")
		_, err := strict.Parse(text)
		at, failed := strict.Failure(text)
		if failed != (err != nil) {
			t.Fatalf("%q: %v, but %v", text, err, at)
		}
		if lines := strings.Split(text, "\n"); failed && (at.Line < 1 || at.Line > len(lines) ||
			at.Column < 1 || at.Column > len([]rune(lines[at.Line-1]))+1) {
			t.Fatalf("%q: %v", text, at)
		}
	})
}
