package strict_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

// FuzzFields compares Fields.Parse with Parse, which FuzzParse compares with encoding/json, and
// AppendString with encoding/json.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", "{}", `"a"`, `{"a":1,"b":"x","c":null}`, `{"c":1,"b":2,"a":3}`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\u0061":1,"a":2}`, `{"a" :1,"b": 2}`,
		`{"b":0,"b":1,"c":2,"x":0,"x":1,"b":3}`,
		`{"x":0,"x":0,"a":{"a":1,"a":2},"":[{"b":3}]}`, `{"a":1,"b":2`, `{"a":1,"b"2}`,
		`{"a":`, `{"a":}`, ` { "a" : "\n" , "b" : [ ] } `, `{"b":1,"c":2,"a":3,"b":4}`,
		"quote \" backslash \\ tab \t \u00e9 \U0001f511 \xff\xfe \x00",
	} {
		f.Add(seed)
	}
	fields := strict.NewFields("a", "b", "c")
	f.Fuzz(func(t *testing.T, text string) {
		document, err := strict.Parse(text)
		var found [3]strict.Found
		for i := range found { // as an earlier text may have left them
			earlier, err := strict.Parse(`{"a":"earlier"}`)
			require.NoError(t, err)
			found[i] = strict.Found{Value: earlier.Value, Repeated: 1}
		}
		got, gotErr := fields.Parse(text, found[:])
		require.Equal(t, err, gotErr)
		if err != nil {
			assert.Equal(t, strict.Document{}, got)
		} else {
			assert.Equal(t, document.Kind(), got.Kind())
			assert.Equal(t, document.Raw(), got.Raw())
			assert.Equal(t, document.Repeated, got.Repeated)
			assert.Empty(t, got.Members())
			for i, name := range []string{"a", "b", "c"} {
				var want strict.Found
				want.Value, _ = document.Member(name)
				for _, member := range document.Members() {
					if member.Name == name && member.Repeated {
						want.Repeated++
					}
				}
				assert.Equal(t, want, found[i], name)
			}
		}
		assertWritten(t, text)
	})
}

// assertWritten checks that AppendString writes text as encoding/json reads it, in which invalid
// bytes are replacement characters, and escapes nothing else than what must be.
func assertWritten(t *testing.T, text string) {
	t.Helper()
	written := strict.AppendString([]byte("before"), text)
	require.True(t, strings.HasPrefix(string(written), "before"))
	written = written[len("before"):]
	var read string
	require.NoError(t, json.Unmarshal(written, &read))
	assert.Equal(t, string([]rune(text)), read)
	want := &strings.Builder{}
	for _, char := range text {
		switch {
		case char == '"' || char == '\\':
			want.WriteString(`\` + string(char))
		case char < ' ':
			fmt.Fprintf(want, `\u%04x`, char)
		default:
			want.WriteRune(char)
		}
	}
	assert.Equal(t, `"`+want.String()+`"`, string(written))
}

// TestStringsOfEachByte reads and writes strings with each byte at each place, beside each other
// byte that is special: words of eight bytes must find the first one.
func TestStringsOfEachByte(t *testing.T) {
	fields := strict.NewFields("a")
	var found [1]strict.Found
	for at := range 20 {
		for char := range 256 {
			for _, next := range []string{"x", `"`, `\\`, `\n`, "\n", "\x00", "\u0080", "!", "#", "[", "]",
				"\x7f"} {
				text := `{"a":"` + strings.Repeat("x", at) + string([]byte{byte(char)}) + next +
					strings.Repeat("y", 20-at) + `"}`
				var want struct{ A string }
				err := json.Unmarshal([]byte(text), &want)
				_, got := fields.Parse(text, found[:])
				require.Equal(t, err != nil || !utf8.ValidString(text), got != nil, "%q", text)
				if got != nil {
					continue
				}
				read, _ := found[0].Text()
				require.Equal(t, want.A, read, "%q", text)
				assertWritten(t, want.A)
			}
		}
	}
}

// TestFieldsNeedNoMemory checks that members in any order allocate nothing.
func TestFieldsNeedNoMemory(t *testing.T) {
	fields := strict.NewFields("a", "b", "c")
	var found [3]strict.Found
	for _, text := range []string{`{"a":1,"b":"x","c":null}`, ` {"c":true , "a":"y", "b":[1]} `} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			_, err := fields.Parse(text, found[:])
			require.NoError(t, err)
		}), text)
	}
}

// BenchmarkFields parses the claims of a session.
func BenchmarkFields(b *testing.B) {
	fields := strict.NewFields("v", "kid", "iat", "nbf", "iss", "aud", "install_id", "exp")
	var found [8]strict.Found
	for b.Loop() {
		if _, err := fields.Parse(`{"v":2,"kid":"hs-2026.02_A","iat":1771243200,"nbf":1771243200,`+
			`"iss":"offload-backend","aud":"offload-ios",`+
			`"install_id":"3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11","exp":1771243320}`,
			found[:]); err != nil {
			b.Fatal(err)
		}
	}
}
