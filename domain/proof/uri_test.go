package proof_test

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/proof"
)

// normalForms maps URIs to their normal forms; "" for those that have none.
var normalForms = map[string]string{
	"https://a.example":                        "https://a.example/",
	"https://a.example/":                       "https://a.example/",
	"HTTPS://A.Example/A":                      "https://a.example/A",
	"https://a.example:443":                    "https://a.example/",
	"https://a.example:80":                     "https://a.example:80/",
	"http://a.example:80/x":                    "http://a.example/x",
	"http://a.example:443/x":                   "http://a.example:443/x",
	"https://a.example:0443":                   "https://a.example:0443/",
	"https://a.example:%34%34%33/x":            "https://a.example/x",
	"https://a.example:8443/x":                 "https://a.example:8443/x",
	"https://a.example?q":                      "https://a.example/",
	"https://a.example#f":                      "https://a.example/",
	"https://a.example/x?q=/../&\\ é#":         "https://a.example/x",
	"https://a.example/x#f?q":                  "https://a.example/x",
	"https://a.example/x%3Fq%23":               "https://a.example/x%3Fq%23",
	"https://a.example/%7eu/%41%2d%2E%5f":      "https://a.example/~u/A-._",
	"https://a.example/%2f%2F%c3%A9%00%20":     "https://a.example/%2F%2F%C3%A9%00%20",
	"https://a.example/%2541":                  "https://a.example/%2541",
	"https://a.example/%25%34%31":              "https://a.example/%2541",
	"https://%61.ex%41mple/":                   "https://a.example/",
	"https://a.example/./x/../y":               "https://a.example/y",
	"https://a.example/../../x":                "https://a.example/x",
	"https://a.example/x/.":                    "https://a.example/x/",
	"https://a.example/x/..":                   "https://a.example/",
	"https://a.example/x/y/..":                 "https://a.example/x/",
	"https://a.example/..":                     "https://a.example/",
	"https://a.example/.":                      "https://a.example/",
	"https://a.example/%2e%2E/x/%2e":           "https://a.example/x/",
	"https://a.example/x/%2e%2e%2fy":           "https://a.example/x/..%2Fy",
	"https://a.example/.x/..y/...":             "https://a.example/.x/..y/...",
	"https://a.example//x//..//y":              "https://a.example//x//y",
	"https://a.example/.//x":                   "https://a.example//x",
	"https://a.example//":                      "https://a.example//",
	"https://a.example/x/":                     "https://a.example/x/",
	"https://a.example/@x:y;z=1,2&!$'()*+|{}^": "https://a.example/@x:y;z=1,2&!$'()*+|{}^",
	"https://a.example./":                      "https://a.example./",
	"https://xn--bcher-kva.example/":           "https://xn--bcher-kva.example/",
	"http://localhost:8080/x":                  "http://localhost:8080/x",
	"http://127.0.0.1/":                        "http://127.0.0.1/",
	"http://[2001:DB8::1]:80/":                 "http://[2001:db8::1]/",
	"http://[2001:db8:0::1]:8080/":             "http://[2001:db8:0::1]:8080/",

	"": "", "/": "", "//a.example/": "", "a.example/x": "", "https:": "", "https:/a.example": "",
	"https://": "", "https:///x": "", "https://?q": "", "https://:443/": "",
	"ftp://a.example/": "", "wss://a.example/": "", " https://a.example/": "",
	"https ://a.example/": "", "https://u@a.example/": "", "https://u:p@a.example/": "",
	"https://@a.example/": "", "https://a.example@evil.example/": "",
	"https://a.example%40evil.example/": "", "https://a.example%2fx/": "",
	"https://a.example%/": "", "https://a.example:/": "", "https://a.example:x/": "",
	"https://a.example:443:443/": "", "https://a.example:999999/": "",
	"https://a.example:+443/": "", "https://a.example:%zz/": "",
	"https://a example/": "", "https://a.example /": "", "https://bücher.example/": "",
	"https://\u212a.example/": "", "https://a.example/é": "", "https://a.example/x y": "", "https://a.example/x\ty": "",
	"https://a.example/x\n": "", "https://a.example/\x00": "", "https://a.example/\x7f": "",
	"https://a.example/x\\y": "", "https://a.example\\x": "", "https:\\\\a.example\\x": "",
	"https://a.example/%": "", "https://a.example/%4": "", "https://a.example/%4g": "",
	"https://a.example/%%41": "", "https://a.example/\xff": "",
	"https://[::1/": "", "https://[::1]x/": "", "https://[::1%25eth0]/": "",
	"https://[1.2.3.4]/": "", "https://::1/": "", "https://[]/": "", "https://a[::1]/": "",
}

func TestNormalForms(t *testing.T) {
	for uri, want := range normalForms {
		got, ok := proof.Normalize(uri)
		assert.Equal(t, want, got, uri)
		assert.Equal(t, want != "", ok, uri)
	}
}

// TestParseOrigin parses origins, and texts with something behind an origin.
func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://A.example": "https://a.example", "HTTPS://a.example:443": "https://a.example",
		"http://a.example:8080": "http://a.example:8080", "http://[::1]:80": "http://[::1]",
		"https://a.example/": "", "https://a.example/x": "", "https://a.example?": "",
		"https://a.example#": "", "https://u@a.example": "", "a.example": "", "": "",
		"https://": "", "null": "", "https://*.example": "", "https://a.example,b.example": "",
		"https://a.example https://b.example": "", "https://a.example\\": "",
	} {
		origin, ok := proof.ParseOrigin(text)
		assert.Equal(t, want != "", ok, text)
		assert.Equal(t, want, origin.String(), text)
		if ok {
			again, ok := proof.ParseOrigin(origin.String())
			assert.True(t, ok)
			assert.Equal(t, origin, again)
		}
	}
}

// FuzzNormalize compares with the algorithms as RFC 3986 states them, and checks that a normal form
// is its own normal form, and that query and fragment make no difference.
func FuzzNormalize(f *testing.F) {
	for uri := range normalForms {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		normal, ok := proof.Normalize(uri)
		want, wantOK := reference(uri)
		require.Equal(t, wantOK, ok, "%q", uri)
		require.Equal(t, want, normal, "%q", uri)
		if !ok {
			return
		}
		again, ok := proof.Normalize(normal)
		require.True(t, ok)
		require.Equal(t, normal, again, "a normal form is its own")
		assert.NotContains(t, normal, "?")
		assert.NotContains(t, normal, "#")
		assert.NotContains(t, strings.SplitAfterN(normal, "/", 4)[3]+"/", "/../")
		beyond, ok := proof.Normalize(normal + "?a=/../b#c")
		require.True(t, ok)
		require.Equal(t, normal, beyond)
		origin, ok := proof.ParseOrigin(strings.Join(strings.SplitN(normal, "/", 4)[:3], "/"))
		require.True(t, ok)
		require.True(t, strings.HasPrefix(normal, origin.String()+"/"))
	})
}

var (
	// grammar is that of RFC 3986, appendix B, for the URIs that are accepted.
	grammar   = regexp.MustCompile(`^([hH][tT][tT][pP][sS]?)://([^/?#]+)((?:/[^?#]*)?)(?:[?#](?s:.*))?$`)
	encoding  = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	authority = regexp.MustCompile(`^(?:[A-Za-z0-9._~-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?$`)
	// unreserved is an unreserved character (RFC 3986 §2.3).
	unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]$`)
)

// reference is Normalize by regular expressions and by the steps of RFC 3986, §5.2.4.
func reference(uri string) (string, bool) {
	parts := grammar.FindStringSubmatch(uri)
	if parts == nil {
		return "", false
	}
	host, ok := referenceDecode(parts[2])
	scheme := strings.ToLower(parts[1])
	if !ok || !authority.MatchString(host) || strings.HasPrefix(host, "[") && !referenceIPv6(host) {
		return "", false
	}
	host = strings.ToLower(host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
	path, ok := referenceDecode(parts[3])
	if !ok || regexp.MustCompile(`[^\x21-\x7e]|\\`).MatchString(path) {
		return "", false
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + referenceDots(path), true
}

func referenceDecode(text string) (string, bool) {
	if strings.Contains(encoding.ReplaceAllString(text, ""), "%") {
		return "", false
	}
	return encoding.ReplaceAllStringFunc(text, func(one string) string {
		c, err := strconv.ParseUint(one[1:], 16, 8)
		if err == nil && unreserved.MatchString(string(rune(c))) {
			return string(rune(c))
		}
		return strings.ToUpper(one)
	}), true
}

// referenceIPv6 reports whether an authority is an address of IPv6 in brackets, with a port or not.
func referenceIPv6(authority string) bool {
	inner, _, _ := strings.Cut(authority[1:], "]")
	address := net.ParseIP(inner)
	return address != nil && strings.Contains(inner, ":")
}

// referenceDots is remove_dot_segments, word for word.
func referenceDots(input string) string {
	output := ""
	for input != "" {
		switch {
		case strings.HasPrefix(input, "../"):
			input = input[3:]
		case strings.HasPrefix(input, "./"):
			input = input[2:]
		case strings.HasPrefix(input, "/./"):
			input = input[2:]
		case input == "/.":
			input = "/"
		case strings.HasPrefix(input, "/../"):
			input, output = input[3:], output[:max(strings.LastIndex(output, "/"), 0)]
		case input == "/..":
			input, output = "/", output[:max(strings.LastIndex(output, "/"), 0)]
		case input == "." || input == "..":
			input = ""
		default:
			end := strings.Index(input[1:], "/") + 1
			if end == 0 {
				end = len(input)
			}
			input, output = input[end:], output+input[:end]
		}
	}
	return output
}
