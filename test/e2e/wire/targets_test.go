package wire_test

import (
	"strings"
	"testing"
)

// The request line: RFC 9112 §2 and §3.

func TestWireRequestLine(t *testing.T) {
	t.Parallel()
	line := func(line string) string { return line + "\r\nHost: x\r\n\r\n" }
	runWire(t, []wireRow{
		{name: "a valid request", sent: line("GET /v1/health HTTP/1.1"), want: "200; kept"},

		// §2.3
		{name: "HTTP/1.0", sent: line("GET /v1/health HTTP/1.0"), want: "200; closed"},
		{name: "HTTP/1.0 without a host", sent: "GET /v1/health HTTP/1.0\r\n\r\n",
			want: "200; closed"},
		{name: "HTTP/1.0 with keep-alive closes",
			sent: "GET /v1/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", want: "200; closed"},
		{name: "HTTP/1.2 is treated as 1.1", sent: line("GET /v1/health HTTP/1.2"),
			want: "200; kept"},
		{name: "HTTP/1.9", sent: line("GET /v1/health HTTP/1.9"), want: "200; kept"},
		{name: "HTTP/1.10", sent: line("GET /v1/health HTTP/1.10"), want: "400 plain; closed"},
		{name: "HTTP/01.1", sent: line("GET /v1/health HTTP/01.1"), want: "400 plain; closed"},
		{name: "HTTP/+1.1", sent: line("GET /v1/health HTTP/+1.1"), want: "400 plain; closed"},
		{name: "HTTP/1", sent: line("GET /v1/health HTTP/1"), want: "400 plain; closed"},
		{name: "HTTP/1.", sent: line("GET /v1/health HTTP/1."), want: "400 plain; closed"},
		{name: "HTTP/1,1", sent: line("GET /v1/health HTTP/1,1"), want: "400 plain; closed"},
		{name: "HTTP/1.1 and more", sent: line("GET /v1/health HTTP/1.1x"),
			want: "400 plain; closed"},
		{name: "http/1.1", sent: line("GET /v1/health http/1.1"), want: "400 plain; closed"},
		{name: "HTTPS/1.1", sent: line("GET /v1/health HTTPS/1.1"), want: "400 plain; closed"},
		{name: "ICY/1.1", sent: line("GET /v1/health ICY/1.1"), want: "400 plain; closed"},
		{name: "HTTP/0.9 with a version", sent: line("GET /v1/health HTTP/0.9"),
			want: "505 plain; closed"},
		{name: "HTTP/0.9", sent: "GET /v1/health\r\n", want: "400 plain; closed"},
		{name: "HTTP/2.0", sent: line("GET /v1/health HTTP/2.0"), want: "505 plain; closed"},
		{name: "HTTP/3.0", sent: line("GET /v1/health HTTP/3.0"), want: "505 plain; closed"},
		{name: "HTTP/9.9", sent: line("GET /v1/health HTTP/9.9"), want: "505 plain; closed"},
		{name: "RFC 9113 §3.4 a truncated HTTP/2 preface", sent: "PRI * HTTP/2.0\r\n\r\n",
			want: "404 not_found; closed"},
		{name: "HTTP/2's preface with a path", sent: line("PRI /v1/health HTTP/2.0"),
			want: "505 plain; closed"},

		// RFC 9110 §9.1, §5.6.2
		{name: "a method in lower case is another method", sent: line("get /v1/health HTTP/1.1"),
			want: "405 method_not_allowed; kept"},
		{name: "a method of every allowed character",
			sent: line("!#$%&'*+-.^_`|~09AZaz /v1/health HTTP/1.1"),
			want: "405 method_not_allowed; kept"},
		{name: "a method with markup", sent: line("<GET> /v1/health HTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a method with a colon", sent: line("GET: /v1/health HTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a method with a NUL", sent: line("G\x00ET /v1/health HTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a method beyond ASCII", sent: line("GÉT /v1/health HTTP/1.1"),
			want: "400 plain; closed"},
		{name: "no method", sent: line(" /v1/health HTTP/1.1"), want: "400 plain; closed"},
		{name: "a method of 15 KB", sent: line(strings.Repeat("G", 15_000) +
			" /v1/health HTTP/1.1"), want: "405 method_not_allowed; kept"},
		{name: "a method of 40 KB", sent: line(strings.Repeat("G", 40_000) +
			" /v1/health HTTP/1.1"), want: "431 plain; closed"},
		{name: "an endless method", sent: strings.Repeat("G", 200_000),
			want: "431 plain; closed"},

		// §2.2, §3
		{name: "an empty line before", sent: "\r\n" + line("GET /v1/health HTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a space before", sent: line(" GET /v1/health HTTP/1.1"), want: "400 plain; closed"},
		{name: "two spaces", sent: line("GET  /v1/health HTTP/1.1"), want: "400 plain; closed"},
		{name: "two spaces before the version", sent: line("GET /v1/health  HTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a space after", sent: line("GET /v1/health HTTP/1.1 "), want: "400 plain; closed"},
		{name: "tabs in place of spaces", sent: line("GET\t/v1/health\tHTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a bare CR in place of a space", sent: line("GET /v1/health\rHTTP/1.1"),
			want: "400 plain; closed"},
		{name: "a bare CR after", sent: line("GET /v1/health HTTP/1.1\r"),
			want: "400 plain; closed"},
		{name: "§2.2 bare LF, which a recipient may accept", sent: "GET /v1/health HTTP/1.1\nHost: x\n\n",
			want: "200; kept"},
		{name: "§2.2 LF in some lines", sent: "GET /v1/health HTTP/1.1\r\nHost: x\n\r\n",
			want: "200; kept"},
		{name: "only CR", sent: "GET /v1/health HTTP/1.1\rHost: x\r\r", want: "400 plain; closed"},
		{name: "LF and CR", sent: "GET /v1/health HTTP/1.1\n\rHost: x\n\r\n\r",
			want: "400 plain; closed"},
		{name: "a line of SIP", sent: "INVITE sip:x@y SIP/2.0\r\n\r\n", want: "400 plain; closed"},
		{name: "SSH", sent: "SSH-2.0-OpenSSH_9.9\r\n", want: "400 plain; closed"},
		{name: "SMTP", sent: "EHLO x\r\n", want: "400 plain; closed"},
		{name: "Redis", sent: "*1\r\n$4\r\nPING\r\n", want: "400 plain; closed"},
		{name: "PROXY, version 1", sent: "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" +
			line("GET /v1/health HTTP/1.1"), want: "400 plain; closed"},
		{name: "PROXY, version 2",
			sent: "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02" + line("GET /v1/health HTTP/1.1"), want: "400 plain; closed"},
		{name: "TLS", sent: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
			strings.Repeat("\x5a", 505) + "\r\n", want: "400 plain; closed"},
		{name: "an SSLv2 hello", sent: "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x01\x00\x80\r\n",
			want: "400 plain; closed"},
	})
}

// TestWireTargets covers the four forms of the request target (§3.2). It is matched as sent, and a
// host in it has no meaning.
func TestWireTargets(t *testing.T) {
	t.Parallel()
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	rows := []wireRow{
		{name: "of 16 KB", sent: get("/" + strings.Repeat("a", 16_000)),
			want: "404 not_found; kept"},
		{name: "of 40 KB", sent: get("/" + strings.Repeat("a", 40_000)), want: "431 plain; closed"},
		{name: "§3.2.3 authority-form with CONNECT",
			sent: "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
			want: "404 not_found; closed"},
		{name: "CONNECT without a port", sent: "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
			want: "404 not_found; closed"},
		{name: "odd: CONNECT without a target", sent: "CONNECT  HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
			want: "404 not_found; closed"},
		{name: "CONNECT without a host", sent: "CONNECT x:443 HTTP/1.1\r\n\r\n" + smuggled,
			want: "404 not_found; closed"},
		{name: "CONNECT with a path", sent: "CONNECT /v1/health HTTP/1.1\r\nHost: x\r\n\r\n" +
			smuggled, want: "405 method_not_allowed; closed"},
		{name: "CONNECT with a path of any method",
			sent: "CONNECT /v1/sessions/verify HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
			want: "401 unauthorized; closed"},
		{name: "§3.2.4 asterisk-form with OPTIONS", sent: "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
			want: "404 not_found; kept"},
		{name: "OPTIONS of a path",
			sent: "OPTIONS /v1/sessions/anonymous HTTP/1.1\r\nHost: x\r\n\r\n",
			want: "405 method_not_allowed; kept"},
		{name: "TRACE sends nothing back",
			sent: "TRACE /v1/health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n",
			want: "405 method_not_allowed; kept"},
		{name: "TRACE of a path of any method",
			sent: "TRACE /v1/sessions/verify HTTP/1.1\r\nHost: x\r\n\r\n",
			want: "401 unauthorized; kept"},
	}
	for _, c := range []struct{ target, want string }{
		{"/v1/health", "200; kept"},
		{"/v1/health?", "200; kept"},
		{"/v1/health?#", "200; kept"},
		{"/v1/health#x", "404 not_found; kept"},
		{"/v1/health%23x", "404 not_found; kept"},
		{"", "400 plain; closed"},
		{"/", "404 not_found; kept"},
		{"//", "404 not_found; kept"},
		{"//v1/health", "404 not_found; kept"},
		{"/./v1/health", "404 not_found; kept"},
		{"/../v1/health", "404 not_found; kept"},
		{"/v1/x/../health", "404 not_found; kept"},
		{"/v1/x/..;/health", "404 not_found; kept"},
		{"/v1/%2e%2e/v1/health", "404 not_found; kept"},
		{"/v1/%2E/health", "404 not_found; kept"},
		{"/v1%2Fhealth", "404 not_found; kept"},
		{"/v1%5Chealth", "404 not_found; kept"},
		{"/v1\\health", "404 not_found; kept"},
		{"/v1/health%00", "404 not_found; kept"},
		{"/v1/health%0d%0aX:y", "404 not_found; kept"},
		{"/v1/health%c0%af", "404 not_found; kept"},
		{"/v1/health%", "400 plain; closed"},
		{"/v1/health%2", "400 plain; closed"},
		{"/v1/health%zz", "400 plain; closed"},
		{"/v1/health%u0041", "400 plain; closed"},
		// Every path below verify is served, but the parser rejects this one first.
		{"/v1/sessions/verify/%zz", "400 plain; closed"},
		{"/v1/sessions/verify/%2e%2e/anonymous", "401 unauthorized; kept"},
		{"/v1/sessions/verify/../../health", "401 unauthorized; kept"},
		{"/v1/health?%zz", "200; kept"}, // the query is ignored
		{"/v1/health?\xff", "200; kept"},
		{"/v1/h\xe9alth", "404 not_found; kept"}, // odd: RFC 3986 §2 has no such byte
		{"/v1/<health>", "404 not_found; kept"},
		{"/v1/health\x00", "400 plain; closed"},
		{"/v1/health\x7f", "400 plain; closed"},
		{"/v1/hea\tlth", "400 plain; closed"},
		{"/v1/health?\x01", "400 plain; closed"},
		{"*", "404 not_found; kept"},
		{"x", "400 plain; closed"},
		{"x:443", "404 not_found; kept"}, // odd: read as a URI of the scheme x, which has no path
		{"x.example:443", "404 not_found; kept"},
		{"192.0.2.1:443", "400 plain; closed"},
		{"v1/health", "400 plain; closed"},
		{"?x", "400 plain; closed"},
		{"#x", "400 plain; closed"},
		// §3.2.2: absolute-form must be accepted, whatever Host is
		{"http://x/v1/health", "200; kept"},
		{"HTTP://elsewhere.example:1/v1/health", "200; kept"},
		{"https://x/v1/health", "200; kept"},
		{"ftp://x/v1/health", "200; kept"}, // odd: another scheme
		// odd: RFC 9110 §4.2.4 would have it refused; the user information is ignored
		{"http://user:secret@x/v1/health", "200; kept"},
		{"http:///v1/health", "200; kept"}, // odd: RFC 9110 §4.2.1 wants a host
		{"http://[::1]:80/v1/health", "200; kept"},
		{"http://[::1/v1/health", "400 plain; closed"},
		{"http://x:port/v1/health", "400 plain; closed"},
		{"http://x:-1/v1/health", "400 plain; closed"},
		{"http://a b/v1/health", "400 plain; closed"},
		{"http://x\\@y/v1/health", "400 plain; closed"},
		{"http://x", "404 not_found; kept"},
		{"http://x?/v1/health", "404 not_found; kept"},
		{"http://x#/v1/health", "400 plain; closed"},
		{"http:/v1/health", "404 not_found; kept"},
		{"http:v1/health", "404 not_found; kept"},
		{"://x/v1/health", "400 plain; closed"},
		{"javascript:alert(1)", "404 not_found; kept"},
		{"file:///v1/health", "200; kept"}, // odd, as ftp
	} {
		rows = append(rows, wireRow{name: "GET " + c.target, sent: get(c.target), want: c.want})
	}
	runWire(t, rows)
}
