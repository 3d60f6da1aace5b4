package strict_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

// FuzzParse compares Parse with encoding/json, except for what encoding/json tolerates.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "null", " true ", "-0.5e+10", `"\u00e9\ud83d\udd11"`, `"\ud83d"`, `"\\ud83d"`, `"\`,
		`{"\`, `{"a":1,"\u0061":2}`,
		`[1,[2,{"a":{"b":[]}}]]`, "\ufeff{}", "\"\xff\"", "\"\x00\"", "01", "1.", `{"a":1,}`,
		"{} {}", `"\ud800\u0041"`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
		strings.Repeat("[", 65) + strings.Repeat("]", 65),
		`{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"x":0,"x":0}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		document, err := strict.Parse(text)
		allowed := utf8.ValidString(text) && json.Valid([]byte(text)) &&
			depth(text) <= strict.MaxDepth && !loneSurrogate(text)
		require.Equal(t, allowed, err == nil, "%q", text)
		if err != nil {
			assert.Equal(t, strict.ErrJSON, err)
			return
		}
		assert.Equal(t, strings.Trim(text, " \t\r\n"), document.Raw())
		repeated, names := namesOf(t, text)
		assert.Equal(t, repeated, document.Repeated)
		var found []string
		for _, member := range document.Members() {
			found = append(found, member.Name)
			assertSameText(t, member.Value)
		}
		assert.Equal(t, names, found)
		assertSameText(t, document.Value)
		assertSameItems(t, document.Value)
	})
}

// assertSameText compares the content of a string with that of encoding/json.
func assertSameText(t *testing.T, value strict.Value) {
	t.Helper()
	text, ok := value.Text()
	assert.Equal(t, strings.HasPrefix(value.Raw(), `"`), ok)
	if ok {
		var want string
		require.NoError(t, json.Unmarshal([]byte(value.Raw()), &want))
		assert.Equal(t, want, text)
	}
}

// assertSameItems compares the items of a list with those of encoding/json.
func assertSameItems(t *testing.T, value strict.Value) {
	t.Helper()
	items, ok := value.Items()
	assert.Equal(t, strings.HasPrefix(value.Raw(), `[`), ok)
	if ok {
		var want []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(value.Raw()), &want))
		require.Len(t, items, len(want))
		for i, item := range items {
			assert.Equal(t, string(want[i]), item.Raw())
			assertSameText(t, item)
		}
	}
}

// depth returns the number of levels of a valid text.
func depth(text string) int {
	level, deepest, inString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			level++
			deepest = max(deepest, level)
		case c == ']' || c == '}':
			level--
		}
	}
	return deepest
}

// loneSurrogate reports whether a valid text has an escaped surrogate without its other half, which
// must be another \u escape right after the first one.
func loneSurrogate(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		switch escaped := strings.ToLower(text[i+1 : i+5]); {
		case escaped >= "dc00" && escaped <= "dfff":
			return true
		case escaped >= "d800" && escaped <= "dbff":
			if !strings.HasPrefix(text[i+5:], `\u`) {
				return true
			}
			if second := strings.ToLower(text[i+7 : i+11]); second < "dc00" || second > "dfff" {
				return true
			}
			i += 6
		}
	}
	return false
}

// namesOf returns, according to encoding/json, how many names occurred earlier in their object, and
// the names of the outermost object.
func namesOf(t *testing.T, text string) (repeated int, outermost []string) {
	t.Helper()
	type level struct {
		object bool
		names  map[string]bool
		value  bool // the next token in an object is a value, not a name
	}
	var levels []level
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // numbers may be out of range for Go types
	done := func() {
		if len(levels) > 0 {
			levels[len(levels)-1].value = false
		}
	}
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return repeated, outermost
		}
		require.NoError(t, err)
		if name, ok := token.(string); ok && len(levels) > 0 && levels[len(levels)-1].object &&
			!levels[len(levels)-1].value {
			top := &levels[len(levels)-1]
			if top.names[name] {
				repeated++
			}
			top.names[name], top.value = true, true
			if len(levels) == 1 {
				outermost = append(outermost, name)
			}
			continue
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{object: true, names: map[string]bool{}})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
			done()
		default:
			done()
		}
	}
}
