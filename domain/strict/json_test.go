package strict_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/strict"
)

func TestParseKind(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		kind strict.Kind
		raw  string
	}{
		"null":                   {"null", strict.Null, "null"},
		"true":                   {"true", strict.Boolean, "true"},
		"false":                  {"false", strict.Boolean, "false"},
		"zero":                   {"0", strict.Number, "0"},
		"minus zero":             {"-0", strict.Number, "-0"},
		"integer":                {"1234567890", strict.Number, "1234567890"},
		"negative":               {"-12", strict.Number, "-12"},
		"fraction":               {"0.5", strict.Number, "0.5"},
		"trailing zeros":         {"1.000", strict.Number, "1.000"},
		"exponent":               {"1e5", strict.Number, "1e5"},
		"exponent, upper case":   {"1E5", strict.Number, "1E5"},
		"exponent with plus":     {"1e+5", strict.Number, "1e+5"},
		"exponent with minus":    {"0e-5", strict.Number, "0e-5"},
		"exponent, leading zero": {"1e05", strict.Number, "1e05"},
		"all parts of a number":  {"-10.25E+30", strict.Number, "-10.25E+30"},
		"huge": {strings.Repeat("9", 500), strict.Number,
			strings.Repeat("9", 500)},
		"string":             {`"a"`, strict.String, `"a"`},
		"empty string":       {`""`, strict.String, `""`},
		"empty list":         {"[]", strict.List, "[]"},
		"spaced list":        {"[ ]", strict.List, "[ ]"},
		"list":               {`[1, "a" ,null,[ ],{}]`, strict.List, `[1, "a" ,null,[ ],{}]`},
		"empty object":       {"{}", strict.Object, "{}"},
		"spaced object":      {"{\r\n}", strict.Object, "{\r\n}"},
		"object":             {`{"a" : 1 , "b":[]}`, strict.Object, `{"a" : 1 , "b":[]}`},
		"white space around": {" \t\r\n{} \t\r\n", strict.Object, "{}"},
		"white space around null": {
			"\nnull\n", strict.Null, "null",
		},
	} {
		t.Run(name, func(t *testing.T) {
			document, err := strict.Parse(c.text)
			require.NoError(t, err)
			assert.Equal(t, c.kind, document.Kind())
			assert.Equal(t, c.raw, document.Raw())
			assert.Zero(t, document.Repeated)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                         "",
		"only white space":              " \t\r\n",
		"two values":                    "{} {}",
		"two adjacent values":           "{}{}",
		"a comma after":                 "{},",
		"only NUL":                      "\x00",
		"NUL after":                     "{}\x00",
		"NUL before":                    "\x00{}",
		"NUL inside":                    "{\x00}",
		"byte order mark":               "\ufeff{}",
		"byte order mark after":         "{}\ufeff",
		"UTF-16":                        "{\x00}\x00",
		"no-break space around":         "\u00a0{}",
		"next line around":              "\u0085{}",
		"line separator around":         "\u2028{}",
		"vertical tab":                  "\v{}",
		"form feed":                     "{}\f",
		"invalid UTF-8 in a string":     "\"\xff\"",
		"invalid UTF-8 in a name":       "{\"\xff\":1}",
		"invalid UTF-8 after":           "{}\xff",
		"overlong UTF-8":                "\"\xc0\xaf\"",
		"a surrogate in UTF-8":          "\"\xed\xa0\x80\"",
		"beyond Unicode in UTF-8":       "\"\xf4\x90\x80\x80\"",
		"UTF-8 truncated":               "\"\xe2\x82\"",
		"comment":                       "/**/{}",
		"comment inside":                "{/**/}",
		"line comment":                  "{}//",
		"wrong case":                    "True",
		"word truncated":                "tru",
		"word too long":                 "truee",
		"null in capitals":              "NULL",
		"undefined":                     "undefined",
		"NaN":                           "NaN",
		"Infinity":                      "Infinity",
		"minus Infinity":                "-Infinity",
		"plus":                          "+1",
		"only a minus":                  "-",
		"two minus":                     "--1",
		"leading zero":                  "01",
		"leading zero, negative":        "-01",
		"two zeros":                     "00",
		"no digit before the point":     ".5",
		"minus before the point":        "-.5",
		"no digit after the point":      "1.",
		"no digit between":              "1.e5",
		"two points":                    "1.2.3",
		"exponent without digits":       "1e",
		"exponent with only a sign":     "1e+",
		"exponent with two signs":       "1e+-5",
		"exponent with a fraction":      "1e5.5",
		"hexadecimal":                   "0x10",
		"underscore":                    "1_000",
		"digits of another script":      "\u0661",
		"full-width digit":              "\uff11",
		"only a quote":                  `"`,
		"string not closed":             `"abc`,
		"single quotes":                 `'a'`,
		"text without quotes":           `abc`,
		"line feed in a string":         "\"a\nb\"",
		"tab in a string":               "\"\t\"",
		"NUL in a string":               "\"\x00\"",
		"U+001F in a string":            "\"\x1f\"",
		"control after an escape":       "\"\\n\x01\"",
		"only a backslash":              `"\`,
		"backslash before the end":      `"a\`,
		"backslash in a name, at end":   `{"\`,
		"backslash at the end, deep":    `{"a":["\`,
		"escaped closing quote":         `"\"`,
		"escape after an escape":        `"\\\`,
		"unknown escape":                `"\x41"`,
		"octal escape":                  `"\0"`,
		"escaped single quote":          `"\'"`,
		"escaped line feed":             "\"\\\n\"",
		"upper case escape":             `"\N"`,
		"upper case U":                  `"\U0041"`,
		"only \\u":                      `"\u`,
		"\\u without digits":            `"\u"`,
		"\\u with one digit":            `"\u0"`,
		"\\u with three digits":         `"\u004"`,
		"\\u with a letter past f":      `"\u004g"`,
		"\\u with a sign":               `"\u+041"`,
		"\\u with a space":              `"\u 041"`,
		"\\u with braces":               `"\u{41}"`,
		"lone high surrogate":           `"\ud83d"`,
		"high surrogate truncated":      `"\ud83d\`,
		"high surrogate, then \\u":      `"\ud83d\u`,
		"high surrogate, then digits":   `"\ud83d\u12`,
		"high surrogate, then text":     `"\ud83dx"`,
		"high surrogate, then escape":   `"\ud83d\n"`,
		"two high surrogates":           `"\ud83d\ud83d"`,
		"high, high, low":               `"\ud83d\ud83d\udd11"`,
		"high, then no surrogate":       `"\ud83d\u0041"`,
		"lone low surrogate":            `"\udd11"`,
		"low before high":               `"\udd11\ud83d"`,
		"lone surrogate in a name":      `{"\ud800":1}`,
		"list not closed":               "[",
		"list closed as an object":      "[}",
		"list with only a comma":        "[,]",
		"list with a comma last":        "[1,]",
		"list with a comma first":       "[,1]",
		"list with two commas":          "[1,,2]",
		"list without a comma":          "[1 2]",
		"list with a colon":             "[1:2]",
		"list truncated":                "[1",
		"list truncated at a comma":     "[1,",
		"list closed twice":             "[]]",
		"object not closed":             "{",
		"object closed as a list":       "{]",
		"object with only a comma":      "{,}",
		"object with a comma last":      `{"a":1,}`,
		"object with a comma first":     `{,"a":1}`,
		"object without a comma":        `{"a":1 "b":2}`,
		"object without a colon":        `{"a" 1}`,
		"object with two colons":        `{"a"::1}`,
		"object without a value":        `{"a":}`,
		"object with only a name":       `{"a"}`,
		"object truncated at the colon": `{"a":`,
		"object truncated at the name":  `{"a"`,
		"object truncated at the value": `{"a":1`,
		"object truncated at the comma": `{"a":1,`,
		"object with a number's name":   `{1:1}`,
		"object with a bare name":       `{a:1}`,
		"object with a null name":       `{null:1}`,
		"object closed twice":           `{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			document, err := strict.Parse(text)
			require.ErrorIs(t, err, strict.ErrJSON)
			assert.Equal(t, strict.Document{}, document, "must return a zero Document")
		})
	}
}

// TestParseRefusesEveryTruncation truncates a text that uses all of the syntax at every byte.
func TestParseRefusesEveryTruncation(t *testing.T) {
	const whole = ` {"a\u00e9\ud83d\udd11\\":[true,false,null,-1.5e+3,"\"\b\/"],"\u0062":{"":{}},"c":"\n"} `
	_, err := strict.Parse(whole)
	require.NoError(t, err)
	closed := strings.LastIndexByte(whole, '}') + 1
	for end := range closed {
		_, err := strict.Parse(whole[:end])
		assert.ErrorIs(t, err, strict.ErrJSON, "truncated at %d: %s", end, whole[:end])
	}
}

func TestParseDepth(t *testing.T) {
	nest := func(open, inner, end string, levels int) string {
		return strings.Repeat(open, levels) + inner + strings.Repeat(end, levels)
	}
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"64 lists":                {nest("[", "", "]", 64), true},
		"65 lists":                {nest("[", "", "]", 65), false},
		"64 objects":              {nest(`{"a":`, "{}", "}", 63), true},
		"65 objects":              {nest(`{"a":`, "{}", "}", 64), false},
		"64 of both":              {nest(`{"a":[`, "1", "]}", 32), true},
		"65 of both":              {nest(`{"a":[`, "[]", "]}", 32), false},
		"a string is not a level": {nest("[", `"x"`, "]", 64), true},
		"64 levels, many times": {"[" + strings.Repeat(nest("[", "", "]", 63)+",", 20) +
			"1]", true},
		"65 levels after many shallow ones": {"[" + strings.Repeat("[],", 100) +
			nest("[", "", "]", 64) + "]", false},
		"a hundred thousand levels": {strings.Repeat("[", 100_000), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strict.Parse(c.text)
			if c.ok {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, strict.ErrJSON)
			}
		})
	}
}
