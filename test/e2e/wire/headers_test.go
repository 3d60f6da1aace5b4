package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/offload/sessiond/test/harness"
)

// The header fields of a request: RFC 9112 §5 and RFC 9110 §5.

// getWith returns a request with the given fields after its Host.
func getWith(fields string) string {
	return "GET /v1/health HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"
}

// TestWireHost covers RFC 9112 §3.2 and RFC 9110 §7.2. Nothing in the service depends on the
// host.
func TestWireHost(t *testing.T) {
	t.Parallel()
	host := func(fields string) string { return "GET /v1/health HTTP/1.1\r\n" + fields + "\r\n" }
	rows := []wireRow{
		{name: "none", sent: host(""), want: "400 plain; closed"},
		{name: "none, with an absolute target", sent: "GET http://x/v1/health HTTP/1.1\r\n\r\n",
			want: "400 plain; closed"},
		{name: "two", sent: host("Host: x\r\nHost: y\r\n"), want: "400 plain; closed"},
		{name: "two of the same", sent: host("Host: x\r\nhost: x\r\n"), want: "400 plain; closed"},
		{name: "two, of which one is empty", sent: host("Host:\r\nHost: x\r\n"), want: "400 plain; closed"},
		{name: "a space before the colon", sent: host("Host : x\r\n"), want: "400 plain; closed"},
		{name: "folded", sent: host("Host:\r\n x\r\n"), want: "200; kept"},
		{name: "folded in two", sent: host("Host: x\r\n y\r\n"), want: "400 plain; closed"},
		{name: "last", sent: host("X: y\r\nHost: x\r\n"), want: "200; kept"},
		{name: "of 15 KB", sent: host("Host: " + strings.Repeat("x", 15_000) + "\r\n"),
			want: "200; kept"},
	}
	for value, want := range map[string]string{
		"":  "200; kept", // for a target with an empty authority
		"x": "200; kept", "x:80": "200; kept", "192.0.2.1": "200; kept", "[::1]:80": "200; kept",
		"xn--nxasmq6b.example": "200; kept",
		// odd: §3.2 would have them refused; net/http checks the characters only
		"x:port": "200; kept", "x:99999999": "200; kept", "x:80:80": "200; kept",
		"x%zz": "200; kept",
		"..":   "200; kept", "[": "200; kept", "x;y": "200; kept", "x,y": "200; kept",
		"user:secret@x": "400 plain; closed", "a@b@c": "400 plain; closed",
		"x/v1/health": "400 plain; closed", "x?y": "400 plain; closed", "x#y": "400 plain; closed",
		"http://x": "400 plain; closed",
		"a b":      "400 plain; closed", "a\tb": "400 plain; closed", "x\\y": "400 plain; closed",
		"<x>": "400 plain; closed", "\"x\"": "400 plain; closed",
		"\xff": "400 plain; closed", "é": "400 plain; closed", "x\x00": "400 plain; closed",
		"x\x7f": "400 plain; closed",
	} {
		rows = append(rows, wireRow{name: "Host: " + value, sent: host("Host: " + value + "\r\n"),
			want: want})
	}
	runWire(t, rows)
}

func TestWireFields(t *testing.T) {
	t.Parallel()
	rows := []wireRow{
		{name: "§5.1 a space before the colon", sent: getWith("X : y\r\n"),
			want: "400 plain; closed"},
		{name: "a space in a name", sent: getWith("X y: z\r\n"), want: "400 plain; closed"},
		{name: "no name", sent: getWith(": y\r\n"), want: "400 plain; closed"},
		{name: "no colon", sent: getWith("X\r\n"), want: "400 plain; closed"},
		{name: "a request line in place of a field", sent: getWith("GET /v1/health HTTP/1.1\r\n"),
			want: "400 plain; closed"},
		{name: "a request line in place of a field, with a colon",
			sent: getWith("GET http://x/v1/health HTTP/1.1\r\n"), want: "400 plain; closed"},
		{name: "no value", sent: getWith("X:\r\n"), want: "200; kept"},
		{name: "a value of spaces only", sent: getWith("X: \t \r\n"), want: "200; kept"},
		{name: "§5.2 folded, which a recipient may read as spaces", sent: getWith("X: a\r\n b\r\n\tc\r\n"),
			want: "200; kept"},
		{name: "§5.2 folded with an empty line", sent: getWith("X: a\r\n \r\n"), want: "200; kept"},
		{name: "§2.2 a space before the first name",
			sent: "GET /v1/health HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n", want: "400 plain; closed"},
		{name: "§2.2 LF in a value ends it", sent: getWith("X: a\nY: b\r\n"), want: "200; kept"},
		{name: "§2.2 a bare CR in a value", sent: getWith("X: a\rb\r\n"),
			want: "400 plain; closed"},
		{name: "a bare CR after a value", sent: getWith("X: a\r\r\n"), want: "400 plain; closed"},
		{name: "bytes beyond ASCII in a value", sent: getWith("X: \x80\xff\u00e9\r\n"),
			want: "200; kept"},
		{name: "bytes beyond ASCII in a name", sent: getWith("X\u00e9: y\r\n"),
			want: "400 plain; closed"},
		{name: "a name of every allowed character", sent: getWith("!#$%&'*+-.^_`|~09AZaz: y\r\n"),
			want: "200; kept"},
		{name: "a name in brackets", sent: getWith("(X): y\r\n"), want: "400 plain; closed"},

		// §9.6, RFC 9110 §7.6.1
		{name: "Connection: close", sent: getWith("Connection: close\r\n") + smuggled,
			want: "200; closed"},
		{name: "Connection: CLOSE among others",
			sent: getWith("Connection: x, CLOSE\r\n") + smuggled, want: "200; closed"},
		{name: "Connection: close in a second line",
			sent: getWith("Connection: keep-alive\r\nConnection: close\r\n") + smuggled,
			want: "200; closed"},
		{name: "Connection names fields that are needed",
			sent: getWith("Connection: Host, X-Request-ID\r\n"), want: "200; kept"},
		{name: "Keep-Alive", sent: getWith("Keep-Alive: timeout=100000, max=0\r\n"),
			want: "200; kept"},

		// RFC 9110 §7.8: no upgrade is accepted, and the response is HTTP/1.1
		{name: "Upgrade: h2c", sent: getWith(
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"), want: "200; kept"},
		{name: "Upgrade: websocket", sent: getWith(
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), want: "200; kept"},
		{name: "Upgrade: TLS/1.0", sent: getWith("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"),
			want: "200; kept"},
		{name: "Upgrade: HTTP/2.0", sent: getWith("Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n"),
			want: "200; kept"},

		// other ways to name the method or target, which some frameworks honor
		{name: "X-HTTP-Method-Override", sent: getWith(
			"X-HTTP-Method-Override: POST\r\nX-Method: POST\r\n"), want: "200; kept"},
		{name: "X-Original-URL", sent: getWith(
			"X-Original-URL: /nowhere\r\nX-Rewrite-URL: /nowhere\r\n"), want: "200; kept"},
		{name: "X-Forwarded-Host", sent: getWith(
			"X-Forwarded-Host: elsewhere.example\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Prefix: //\r\n"), want: "200; kept"},
		{name: "a range, which a response may ignore",
			sent: getWith("Range: bytes=0-0,0-0,0-0,0-0,0-0,0-0\r\n"), want: "200; kept"},
		{name: "If-Match of an unknown ETag", sent: getWith("If-Match: \"x\"\r\n"),
			want: "200; kept"},
		{name: "Accept of no media type", sent: getWith(
			"Accept: nothing/at-all;q=0\r\nAccept-Encoding: *;q=0\r\n"), want: "200; kept"},
		{name: "gzip for a body", sent: issueWith("Content-Encoding: gzip\r\nContent-Length: 3\r\n",
			"\x1f\x8b\x08"), want: "422 validation_error; kept"},
	}
	for _, control := range []byte("\x00\x01\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f") {
		rows = append(rows,
			wireRow{name: fmt.Sprintf("RFC 9110 §5.5 %#02x in a value", control),
				sent: getWith("X: a" + string(control) + "b\r\n"), want: "400 plain; closed"},
			wireRow{name: fmt.Sprintf("%#02x around a value", control),
				sent: getWith("X:" + string(control) + "b" + string(control) + "\r\n"),
				want: "400 plain; closed"},
			wireRow{name: fmt.Sprintf("RFC 9110 §5.1 %#02x in a name", control),
				sent: getWith("X" + string(control) + ": y\r\n"), want: "400 plain; closed"},
		)
	}
	runWire(t, rows)
}

// TestWireExpectations covers RFC 9110 §10.1.1.
func TestWireExpectations(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	length := fmt.Sprintf("Content-Length: %d\r\n", len(sound))
	runWire(t, []wireRow{
		{name: "100-continue", sent: issueWith("Expect: 100-continue\r\n"+length, sound),
			want: "100, 200; kept"},
		{name: "100-continue in another case", sent: issueWith("expect: 100-Continue\r\n"+length, sound),
			want: "100, 200; kept"},
		{name: "in chunks",
			sent: issueWith("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
				inChunk(sound)), want: "100, 200; closed"},
		{name: "with no body", sent: getWith("Expect: 100-continue\r\n"), want: "200; kept"},
		{name: "with a body that is not read",
			sent: getWith("Expect: 100-continue\r\nContent-Length: 500\r\n") + smuggled,
			want: "200; closed"},
		{name: "refused before the body", sent: issueWith(
			"Expect: 100-continue\r\nContent-Type: text/plain\r\n"+length, sound+smuggled),
			want: "415 unsupported_media_type; closed"},
		{name: "too large, refused before the body",
			sent: issueWith("Expect: 100-continue\r\nContent-Length: 20000\r\n", ""),
			want: "413 payload_too_large; closed"},
		{name: "100-continue, body never sent", sent: issueWith("Expect: 100-continue\r\n"+length, ""),
			want: "100, 422 validation_error; closed", unfinished: true},
		{name: "in HTTP/1.0, where it means nothing",
			sent: "POST " + harness.IssuePath + " HTTP/1.0\r\nExpect: 100-continue\r\n" + length +
				"\r\n" + sound, want: "200; closed"},
		{name: "twice", sent: issueWith("Expect: 100-continue\r\nExpect: 100-continue\r\n"+length,
			sound), want: "100, 200; kept"},
		{name: "something else", sent: issueWith("Expect: 200-ok\r\n"+length, sound+smuggled),
			want: "417 plain; closed"},
		{name: "something else with GET", sent: getWith("Expect: a-miracle\r\n") + smuggled,
			want: "417 plain; closed"},
		{name: "two things", sent: issueWith("Expect: 100-continue, x\r\n"+length, sound),
			want: "100, 200; kept"},
		{name: "nothing", sent: getWith("Expect:\r\n"), want: "200; kept"},
	})
}

// TestWireOversizedFields shows that the fields of a request are limited to about 16 KiB
// (RFC 9110 §5.4, RFC 6585 §5).
func TestWireOversizedFields(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	length := fmt.Sprintf("Content-Length: %d\r\n", len(sound))
	current := func(fields string) string {
		return "GET /v1/sessions/current HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"
	}
	runWire(t, []wireRow{
		{name: "a hundred thousand tiny ones", sent: getWith(strings.Repeat("a:b\r\n", 100_000)),
			want: "431 plain; closed"},
		{name: "a hundred thousand names", sent: getWith(numberedFields(100_000)),
			want: "431 plain; closed"},
		{name: "three thousand tiny ones", sent: getWith(strings.Repeat("a:b\r\n", 3000)),
			want: "200; kept"},
		{name: "a huge value", sent: getWith("X: " + strings.Repeat("a", 1_000_000) + "\r\n"),
			want: "431 plain; closed"},
		{name: "a huge name", sent: getWith(strings.Repeat("a", 1_000_000) + ": x\r\n"),
			want: "431 plain; closed"},
		{name: "a name of 15 KB", sent: getWith(strings.Repeat("a", 15_000) + ": x\r\n"),
			want: "200; kept"},
		{name: "an endless fold", sent: getWith("X: a\r\n" + strings.Repeat(" b\r\n", 100_000)),
			want: "431 plain; closed"},
		{name: "an endless value", sent: "GET /v1/health HTTP/1.1\r\nHost: x\r\nX: " +
			strings.Repeat("a", 1_000_000), want: "431 plain; closed"},
		{name: "a thousand credentials", sent: current(strings.Repeat("Authorization: Bearer x\r\n",
			600)), want: "401 invalid_token; kept"},
		{name: "one large credential", sent: current("Authorization: Bearer " +
			strings.Repeat("a.", 7500) + "\r\n"), want: "401 invalid_token; kept"},
		{name: "a credential of spaces only", sent: current("Authorization: Bearer" +
			strings.Repeat(" ", 15_000) + "x\r\n"), want: "401 invalid_token; kept"},
		{name: "many hops in lines", sent: issueWith(length+
			strings.Repeat("X-Forwarded-For: 192.0.2.1\r\n", 500), sound), want: "200; kept"},
		{name: "many hops in a line", sent: issueWith(length+"X-Forwarded-For: "+
			strings.Repeat(",", 15_000)+"\r\n", sound), want: "200; kept"},
		{name: "many parameters of Forwarded",
			sent: issueWith(length+"Forwarded: "+strings.Repeat(`for="[`, 2500)+"\r\n", sound),
			want: "200; kept"},
		{name: "many media types", sent: issueWith(length+
			strings.Repeat("Content-Type: application/json\r\n", 400), sound),
			want: "415 unsupported_media_type; closed"},
		{name: "a media type with many parameters",
			sent: issueWith(length+"Content-Type: application/json"+strings.Repeat(";a=b", 3500)+
				"\r\n", sound), want: "200; kept"},
		{name: "many request ids", sent: getWith(strings.Repeat("X-Request-ID: smuggled\r\n",
			600)), want: "200; kept"},
		{name: "many options of Connection", sent: getWith("Connection: " +
			strings.Repeat("x,", 7500) + "\r\n"), want: "200; kept"},
	})
}

// numberedFields returns count fields with distinct names.
func numberedFields(count int) string {
	var fields strings.Builder
	for n := range count {
		fmt.Fprintf(&fields, "x-%d:\r\n", n)
	}
	return fields.String()
}
