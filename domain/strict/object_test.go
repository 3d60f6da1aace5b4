package strict_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

func parse(t testing.TB, text string) strict.Document {
	t.Helper()
	document, err := strict.Parse(text)
	require.NoError(t, err)
	return document
}

func TestText(t *testing.T) {
	for name, c := range map[string]struct{ written, content string }{
		"plain":                     {`"abc"`, "abc"},
		"empty":                     {`""`, ""},
		"every short escape":        {`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		"plain around an escape":    {`"ab\ncd"`, "ab\ncd"},
		"escaped letter":            {`"\u0041"`, "A"},
		"hex in both cases":         {`"\u00e9\u00E9"`, "\u00e9\u00e9"},
		"a digit after the fourth":  {`"\u00411"`, "A1"},
		"escaped NUL":               {`"\u0000"`, "\x00"},
		"escaped control":           {`"\u001f"`, "\x1f"},
		"pair":                      {`"\ud83d\udd11"`, "\U0001f511"},
		"pair, upper case":          {`"\uD83D\uDD11"`, "\U0001f511"},
		"lowest pair":               {`"\ud800\udc00"`, "\U00010000"},
		"highest pair":              {`"\udbff\udfff"`, "\U0010ffff"},
		"below the surrogates":      {`"\ud7ff"`, "\ud7ff"},
		"above the surrogates":      {`"\ue000"`, "\ue000"},
		"escaped U+FFFD":            {`"\ufffd"`, "\ufffd"},
		"U+FFFD unescaped":          {"\"\ufffd\"", "\ufffd"},
		"noncharacter":              {`"\uffff"`, "\uffff"},
		"byte order mark inside":    {"\"\ufeff\"", "\ufeff"},
		"line separator inside":     {"\"\u2028\"", "\u2028"},
		"delete is allowed":         {"\"\x7f\"", "\x7f"},
		"C1 control is allowed":     {"\"\u0085\"", "\u0085"},
		"beyond the first plane":    {"\"\U0001f511\"", "\U0001f511"},
		"backslash, then a u":       {`"\\u0041"`, `\u0041`},
		"backslash, then surrogate": {`"\\ud83d"`, `\ud83d`},
	} {
		t.Run(name, func(t *testing.T) {
			text, ok := parse(t, c.written).Text()
			assert.True(t, ok)
			assert.Equal(t, c.content, text)
		})
	}
}

func TestTextOfOtherKinds(t *testing.T) {
	for _, written := range []string{"null", "true", "1", "[]", "{}", `["a"]`} {
		_, ok := parse(t, written).Text()
		assert.False(t, ok, written)
	}
}

func TestMember(t *testing.T) {
	document := parse(t, `{"a": 1 ,"A":"two","\u0062":[1, 2],"":null,"a b":{"c":1}}`)
	for name, c := range map[string]struct {
		raw  string
		kind strict.Kind
	}{
		"a": {"1", strict.Number}, "A": {`"two"`, strict.String}, "b": {"[1, 2]", strict.List},
		"":    {"null", strict.Null},
		"a b": {`{"c":1}`, strict.Object},
	} {
		value, found := document.Member(name)
		require.True(t, found, name)
		assert.Equal(t, c.raw, value.Raw())
		assert.Equal(t, c.kind, value.Kind())
	}
	for _, name := range []string{"B", "c", `\u0062`, "a ", "nothing"} {
		_, found := document.Member(name)
		assert.False(t, found, name)
	}
	var names []string
	for _, member := range document.Members() {
		assert.False(t, member.Repeated)
		names = append(names, member.Name)
	}
	assert.Equal(t, []string{"a", "A", "b", "", "a b"}, names)
}

func TestMembersOfOutermostObjectOnly(t *testing.T) {
	for _, text := range []string{"{}", "[]", `[{"a":1}]`, `"a"`, "null", "1"} {
		document := parse(t, text)
		assert.Empty(t, document.Members(), text)
		_, found := document.Member("a")
		assert.False(t, found, text)
	}
	inner, found := parse(t, `{"a":{"b":1}}`).Member("a")
	require.True(t, found)
	assert.Empty(t, inner.Members())
}

func TestRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		repeated int
	}{
		"none":                            {`{"a":1,"b":1}`, 0},
		"twice":                           {`{"a":1,"a":1}`, 1},
		"three times":                     {`{"a":1,"a":1,"a":1}`, 2},
		"two names twice":                 {`{"a":1,"b":1,"b":1,"a":1}`, 2},
		"with an escape":                  {`{"a":1,"\u0061":1}`, 1},
		"with two spellings of an escape": {`{"\u006a":1,"\u006A":1}`, 1},
		"with a pair and its character":   {"{\"\\ud83d\\udd11\":1,\"\U0001f511\":1}", 1},
		"with an escaped slash":           {`{"/":1,"\/":1}`, 1},
		"the empty name":                  {`{"":1,"":1}`, 1},
		"in a nested object":              {`{"a":{"b":1,"b":1}}`, 1},
		"in an object in a list":          {`[1,{"b":1,"b":1}]`, 1},
		"deeply nested":                   {`{"a":[[[{"x":{"b":1,"b":2}}]]]}`, 1},
		"at two levels":                   {`{"a":{"b":1,"b":1},"a":1}`, 2},
		"case is significant":             {`{"a":1,"A":1}`, 0},
		"composition is significant":      {"{\"\u00e9\":1,\"e\u0301\":1}", 0},
		"the same name as the parent":     {`{"a":{"a":{"a":1}}}`, 0},
		"the same name in a sibling":      {`[{"a":1},{"a":1}]`, 0},
		"NUL does not end a name":         {`{"a\u0000b":1,"a\u0000c":1}`, 0},
		"the ninth repeats the first": {
			`{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"1":0}`, 1,
		},
		"the tenth repeats the first": {
			`{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"1":0}`, 1,
		},
		"the tenth repeats the ninth": {
			`{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"9":0}`, 1,
		},
		"the eleventh repeats the tenth": {
			`{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"x":0,"x":0}`, 1,
		},
		"ten names": {
			`{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"x":0}`, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.repeated, parse(t, c.text).Repeated)
		})
	}
}

func TestRepeatedMembers(t *testing.T) {
	document := parse(t, `{"a":1,"b":2,"\u0061":3,"c":{"d":1,"d":2}}`)
	var repeated []bool
	for _, member := range document.Members() {
		repeated = append(repeated, member.Repeated)
	}
	assert.Equal(t, []bool{false, false, true, false}, repeated)
	value, _ := document.Member("a")
	assert.Equal(t, "1", value.Raw(), "Member must return the first one")
}

func TestItems(t *testing.T) {
	nested := strings.Repeat("[", 63) + strings.Repeat("]", 63)
	for name, c := range map[string]struct {
		text string
		raw  []string
	}{
		"none":         {`[]`, nil},
		"none, spaced": {" [ \r\n\t] ", nil},
		"one":          {`[1]`, []string{"1"}},
		"every kind": {`[null,true,-1.5e+3,"a",[1,2],{"a":[]}]`,
			[]string{"null", "true", "-1.5e+3", `"a"`, "[1,2]", `{"a":[]}`}},
		"white space everywhere": {" [\n1 ,\t[ 2 ] , { \"a\" : 3 }\r] ",
			[]string{"1", "[ 2 ]", `{ "a" : 3 }`}},
		"punctuation in strings": {`["],[","\"]\\","}{"]`, []string{`"],["`, `"\"]\\"`, `"}{"`}},
		"maximum depth":          {"[" + nested + "," + nested + "]", []string{nested, nested}},
		"equal items":            {`["a","a"]`, []string{`"a"`, `"a"`}},
		"strings with a pair":    {`["\ud83d\udd11"]`, []string{`"\ud83d\udd11"`}},
		"objects, one repeated":  {`[{"a":1},{"a":1,"a":2}]`, []string{`{"a":1}`, `{"a":1,"a":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			items, ok := parse(t, c.text).Items()
			assert.True(t, ok)
			var raw []string
			for _, item := range items {
				raw = append(raw, item.Raw())
				assert.Equal(t, parse(t, item.Raw()).Value, item,
					"must equal the item parsed separately")
			}
			assert.Equal(t, c.raw, raw)
		})
	}
	for _, text := range []string{`{}`, `{"a":[1]}`, `"[1]"`, "null", "1", "true"} {
		items, ok := parse(t, text).Items()
		assert.False(t, ok, text)
		assert.Nil(t, items, text)
	}
}

// TestItemsOfMember checks a list inside an object, and the members of the objects in that list.
func TestItemsOfMember(t *testing.T) {
	list, found := parse(t, `{"keys":[{"kid":"a","ops":["x","y"]},{"kid":"b","kid":"c"}]}`).Member(
		"keys")
	require.True(t, found)
	items, ok := list.Items()
	require.True(t, ok)
	require.Len(t, items, 2)
	kid, _ := items[0].Member("kid")
	text, _ := kid.Text()
	assert.Equal(t, "a", text)
	operations, _ := items[0].Member("ops")
	inner, ok := operations.Items()
	require.True(t, ok)
	assert.Len(t, inner, 2)
	assert.True(t, items[1].Members()[1].Repeated)
}
