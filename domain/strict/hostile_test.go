package strict_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

// size is the size of the largest text that an untrusted client can have parsed.
const size = 16 << 10

// fill returns open, the items for 0, 1, 2, … separated by commas, and end, as many as fit in
// size.
func fill(open, end string, item func(int) string) (text string, count int) {
	var b strings.Builder
	b.WriteString(open)
	for ; b.Len()+len(item(count))+1+len(end) <= size; count++ {
		if count > 0 {
			b.WriteByte(',')
		}
		b.WriteString(item(count))
	}
	b.WriteString(end)
	return b.String(), count
}

// TestParseHostileText parses texts of the maximum size that cost a parser most for each byte.
// Parsing must end, and with the right result.
func TestParseHostileText(t *testing.T) {
	for name, c := range map[string]struct {
		open, end string
		item      func(int) string
		repeated  func(count int) int
	}{
		"as many names as fit": {
			"{", "}", func(i int) string { return fmt.Sprintf(`"%x":0`, i) },
			func(int) int { return 0 },
		},
		"one name repeated": {
			"{", "}", func(int) string { return `"":0` }, func(n int) int { return n - 1 },
		},
		"names with a common prefix": {
			"{", "}", func(i int) string {
				return fmt.Sprintf(`"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%x":0`, i)
			},
			func(int) int { return 0 },
		},
		"names of escapes only": {
			"{", "}", func(i int) string {
				return fmt.Sprintf(`"\u%04x\u%04x":0`, i/64+32, i%64+32)
			},
			func(int) int { return 0 },
		},
		"one name in two spellings": {
			"{", "}", func(i int) string { return []string{`"a":0`, `"\u0061":0`}[i%2] },
			func(n int) int { return n - 1 },
		},
		"objects of nine names": {
			"[", "]", func(int) string {
				return `{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0}`
			},
			func(int) int { return 0 },
		},
		"objects inside a member": {
			`{"a":[`, "]}", func(int) string { return `{"a":0,"a":0}` },
			func(n int) int { return n },
		},
		"empty objects": {"[", "]", func(int) string { return "{}" }, func(int) int { return 0 }},
		"deep lists": {
			"[", "]", func(int) string { return strings.Repeat("[", 63) + strings.Repeat("]", 63) },
			func(int) int { return 0 },
		},
		"deep objects": {
			"[", "]", func(int) string {
				return strings.Repeat(`{"":`, 63) + "0" + strings.Repeat("}", 63)
			},
			func(int) int { return 0 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, count := fill(c.open, c.end, c.item)
			require.Greater(t, len(text), size-300)
			document := parse(t, text)
			assert.Equal(t, text, document.Raw())
			assert.Equal(t, c.repeated(count), document.Repeated)
			if c.open == "{" {
				assert.Len(t, document.Members(), count)
			}
			_, err := strict.Parse(text[:len(text)-1])
			assert.ErrorIs(t, err, strict.ErrJSON, "truncated")
		})
	}
}

func TestParseHostileStrings(t *testing.T) {
	for name, c := range map[string]struct{ piece, content string }{
		"plain":      {"a", "a"},
		"escapes":    {`\n`, "\n"},
		"quotes":     {`\"`, `"`},
		"pairs":      {`\ud83d\udd11`, "\U0001f511"},
		"alternates": {`a\\`, `a\`},
	} {
		t.Run(name, func(t *testing.T) {
			pieces := (size - 2) / len(c.piece)
			text, ok := parse(t, `"`+strings.Repeat(c.piece, pieces)+`"`).Text()
			require.True(t, ok)
			assert.Equal(t, strings.Repeat(c.content, pieces), text)
			_, err := strict.Parse(`"` + strings.Repeat(c.piece, pieces))
			assert.ErrorIs(t, err, strict.ErrJSON, "not closed")
		})
	}
}

// TestFieldsKeepLittle checks that a text of many names takes little more memory than it has.
func TestFieldsKeepLittle(t *testing.T) {
	fields, found := strict.NewFields("a"), make([]strict.Found, 1)
	text, _ := fill("{", "}", func(i int) string { return fmt.Sprintf(`"%x":0`, i) })
	const times = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		_, err := fields.Parse(text, found)
		require.NoError(t, err)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/times, uint64(12*size))
}
