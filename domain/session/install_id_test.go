package session_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/session"
)

func TestParseInstallIDAccepts(t *testing.T) {
	for name, text := range map[string]string{
		"8 letters":                           "abcdefgh",
		"128 letters":                         strings.Repeat("a", 128),
		"8 code points of 4 bytes":            strings.Repeat("\U0001f511", 8),
		"128 code points of 4 bytes":          strings.Repeat("\U0001f511", 128),
		"UUID":                                "6F9619FF-8B86-D011-B42D-00CF4FC964FF",
		"white space inside":                  "abc  defg",
		"white space at both ends":            " abcdef ",
		"one letter among white space":        "       a",
		"combining marks":                     "e\u0301e\u0301e\u0301e\u0301",
		"only marks":                          strings.Repeat("\u0301", 8),
		"zero-width joiners, category Cf":     strings.Repeat("\u200d", 8),
		"zero-width space is not White_Space": strings.Repeat("\u200b", 8),
		"byte order marks, category Cf":       strings.Repeat("\ufeff", 8),
		"soft hyphens, category Cf":           strings.Repeat("\u00ad", 8),
		"right-to-left override":              "abc\u202edefg",
		"private use, category Co":            strings.Repeat("\ue000", 8),
		"unassigned, category Cn":             strings.Repeat("\u0378", 8),
		"noncharacters":                       strings.Repeat("\uffff", 8),
		"the last code point":                 strings.Repeat("\U0010ffff", 8),
		"the replacement character":           strings.Repeat("\ufffd", 8),
		"line separator inside":               "abcd\u2028efgh",
		"no-break space inside":               "abcd\u00a0efg",
		"quotes and backslashes":              `"\"\"\"\`,
		"Braille blank is not White_Space":    strings.Repeat("\u2800", 8),
	} {
		t.Run(name, func(t *testing.T) {
			id, violated := session.ParseInstallID(text)
			assert.Equal(t, session.RuleNone, violated)
			assert.Equal(t, text, id.Text(), "must be exactly as sent")
		})
	}
}

func TestParseInstallIDRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		rule session.Rule
	}{
		"empty":                         {"", session.RuleLength},
		"7 letters":                     {"abcdefg", session.RuleLength},
		"7 code points of 28 bytes":     {strings.Repeat("\U0001f511", 7), session.RuleLength},
		"129 letters":                   {strings.Repeat("a", 129), session.RuleLength},
		"129 code points":               {strings.Repeat("\u00e9", 129), session.RuleLength},
		"7 code points, one a control":  {"abcdef\n", session.RuleLength},
		"7 spaces":                      {strings.Repeat(" ", 7), session.RuleLength},
		"129 spaces":                    {strings.Repeat(" ", 129), session.RuleLength},
		"NUL":                           {"abcd\x00efg", session.RuleCharacters},
		"line feed":                     {"abcdefg\n", session.RuleCharacters},
		"tab":                           {"abcd\tefg", session.RuleCharacters},
		"U+001F":                        {"abcd\x1fefg", session.RuleCharacters},
		"delete":                        {"abcd\x7fefg", session.RuleCharacters},
		"U+0080":                        {"abcd\u0080efg", session.RuleCharacters},
		"next line":                     {"abcd\u0085efg", session.RuleCharacters},
		"U+009F":                        {"abcd\u009fefg", session.RuleCharacters},
		"invalid UTF-8":                 {"abcdefg\xff", session.RuleCharacters},
		"a surrogate in UTF-8":          {"abcdefg\xed\xa0\x80", session.RuleCharacters},
		"only tabs, which are controls": {strings.Repeat("\t", 8), session.RuleCharacters},
		"only spaces":                   {strings.Repeat(" ", 8), session.RuleBlank},
		"128 spaces":                    {strings.Repeat(" ", 128), session.RuleBlank},
		"every White_Space except controls": {
			" \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
			session.RuleBlank,
		},
	} {
		t.Run(name, func(t *testing.T) {
			id, violated := session.ParseInstallID(c.text)
			assert.Equal(t, c.rule, violated)
			assert.Equal(t, session.InstallID{}, id)
			assert.Empty(t, id.Text())
		})
	}
}

// TestParseInstallIDRefusesEveryControl checks every code point of category Cc and the ones around
// them.
func TestParseInstallIDRefusesEveryControl(t *testing.T) {
	for char := rune(0); char <= 0x200; char++ {
		_, violated := session.ParseInstallID("abcdefg" + string(char))
		control := char < 0x20 || char >= 0x7f && char < 0xa0
		assert.Equal(t, control, violated == session.RuleCharacters, "%U", char)
	}
}

func TestInstallIDEqual(t *testing.T) {
	parse := func(text string) session.InstallID {
		id, violated := session.ParseInstallID(text)
		assert.Equal(t, session.RuleNone, violated)
		return id
	}
	assert.True(t, parse("install-12345").Equal(parse(strings.Clone("install-12345"))))
	var none session.InstallID
	assert.True(t, none.Equal(session.InstallID{}))
	for _, other := range []session.InstallID{
		parse("Install-12345"), parse("install-12345 "), parse("install-1234"), {},
	} {
		assert.False(t, parse("install-12345").Equal(other))
		assert.False(t, other.Equal(parse("install-12345")))
	}
	assert.False(t, parse("caf\u00e9-12345").Equal(parse("cafe\u0301-12345")),
		"must not be normalized")
}

// FuzzParseInstallID compares with the rules as they are written, for each code point.
func FuzzParseInstallID(f *testing.F) {
	for _, text := range []string{"", "install-12345", "        ", "abcdefg\n", "abcdefg\x7f",
		"caf\u00e9 123", "abcdefg\xff", strings.Repeat("\U0001f511", 128), "\u0085\u00a0abcdef",
		strings.Repeat("~", 129)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, points := session.RuleNone, []rune(text)
		switch {
		case len(points) < 8 || len(points) > 128:
			want = session.RuleLength
		case string(points) != text || slices.ContainsFunc(points, func(char rune) bool {
			return unicode.Is(unicode.Cc, char)
		}):
			want = session.RuleCharacters
		case !slices.ContainsFunc(points, func(char rune) bool {
			return !unicode.Is(unicode.White_Space, char)
		}):
			want = session.RuleBlank
		}
		id, violated := session.ParseInstallID(text)
		assert.Equal(t, want, violated)
		if violated == session.RuleNone {
			assert.Equal(t, text, id.Text())
		}
	})
}
