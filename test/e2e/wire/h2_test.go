package wire_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// These tests write HTTP/2 frames (RFC 9113) by hand, because no library would send them. The
// connections are without TLS, as from a proxy; TLS makes no difference.

// preface is the client connection preface (RFC 9113 §3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Frames (RFC 9113 §6) and their flags.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePush, framePing, frameGoAway,
	frameWindow, frameContinuation = 0, 1, 3, 4, 5, 6, 7, 8, 9

	endStream, endHeaders, ack, padded, priority = 1, 4, 1, 8, 0x20
)

// frame returns an encoded frame.
func frame(kind, flags byte, stream uint32, payload string) string {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind,
		flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

// number returns n in the encoding of payloads.
func number(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// hello is the preface and an empty SETTINGS frame.
var hello = preface + frame(frameSettings, 0, 0, "")

// field returns an HPACK literal field without indexing (RFC 7541 §6.2.2), and indexed one that is
// added to the dynamic table (§6.2.1).
func field(name, value string) string   { return "\x00" + literal(name) + literal(value) }
func indexed(name, value string) string { return "\x40" + literal(name) + literal(value) }

// literal returns an HPACK string (RFC 7541 §5.2).
func literal(text string) string {
	n := len(text)
	if n < 127 {
		return string([]byte{byte(n)}) + text
	}
	length := []byte{127}
	for n -= 127; n >= 128; n >>= 7 {
		length = append(length, byte(n)|128)
	}
	return string(append(length, byte(n))) + text
}

// fields returns HPACK fields from alternating names and values.
func fields(pairs ...string) string {
	var block strings.Builder
	for n := 0; n < len(pairs); n += 2 {
		block.WriteString(field(pairs[n], pairs[n+1]))
	}
	return block.String()
}

// h2Get and h2Post return the fields of a request, followed by more.
func h2Get(more ...string) string {
	return fields(append([]string{":method", "GET", ":scheme", "http", ":path", "/v1/health",
		":authority", "x"}, more...)...)
}

func h2Post(more ...string) string {
	return fields(append([]string{":method", "POST", ":scheme", "http", ":path", harness.IssuePath,
		":authority", "x"}, more...)...)
}

// readFrame reads the next frame.
func readFrame(from io.Reader) (kind byte, payload string, err error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, "", err
	}
	rest := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(from, rest)
	return head[3], string(rest), err
}

// wordFor describes a frame in the notation of the tables: "200" for the start of a response,
// "reset 1" and "closed 1" with the error code (RFC 9113 §7), and an empty string for other
// frames.
func wordFor(kind byte, payload string) string {
	switch kind {
	case frameHeaders:
		return statusOf(payload)
	case frameReset:
		return fmt.Sprintf("reset %d", binary.BigEndian.Uint32([]byte(payload)))
	case frameGoAway:
		return fmt.Sprintf("closed %d", binary.BigEndian.Uint32([]byte(payload[4:])))
	}
	return ""
}

// statusOf returns the status at the start of a header block: from the static table (RFC 7541 §A),
// or its digits in the Huffman code of §B.
func statusOf(block string) string {
	if known, found := map[byte]string{0x88: "200", 0x89: "204", 0x8c: "400", 0x8d: "404",
		0x8e: "500"}[block[0]]; found {
		return known
	}
	for _, status := range []string{"100", "401", "405", "413", "415", "417", "422", "429", "431",
		"501", "503", "505"} {
		bits, length := uint32(0), 0
		for _, digit := range []byte(status) {
			code, width := uint32(digit-'0'), 5
			if digit >= '3' {
				code, width = uint32(digit-'3')+0x19, 6
			}
			bits, length = bits<<width|code, length+width
		}
		for ; length%8 != 0; length++ {
			bits = bits<<1 | 1
		}
		coded := []byte{0x82, byte(bits >> 8), byte(bits)}
		if length > 16 {
			coded = []byte{0x83, byte(bits >> 16), byte(bits >> 8), byte(bits)}
		}
		if rest := block[1:]; strings.HasPrefix(rest, string(coded)) ||
			strings.HasPrefix(rest, literal(status)) {
			return status
		}
	}
	return fmt.Sprintf("? %x", block)
}

// TestHTTP2RefusalsAreAsDescribed checks requests that net/http itself rejects over HTTP/2: the
// response differs from the one over HTTP/1, and the connection stays open. Of two kinds of headers
// that are too large, net/http ends the connection.
func TestHTTP2RefusalsAreAsDescribed(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	client := service.Over(t, nil, spoken["HTTP/2"])
	for name, c := range map[string]struct {
		headers []harness.Header
		status  int
		media   string
	}{
		"a field of HTTP/1": {[]harness.Header{{"TE", "chunked"}}, 400,
			"text/plain; charset=utf-8"},
		"an expectation": {[]harness.Header{{"Expect", "foo"}}, 200, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			// Send also checks the response against the API description.
			answer := client.Send(t, "GET", "/v1/health", "", c.headers...)
			assert.True(t, answer.HTTP2)
			assert.Equal(t, c.status, answer.Status)
			assert.Equal(t, []string{c.media}, answer.Header.Values("Content-Type"))
			assert.Empty(t, answer.Header.Values("Connection"))
		})
	}
	// A client library would not send these, because the server announces the limit.
	t.Run("headers that exceed the limit together", func(t *testing.T) {
		part := strings.Repeat("a", 5<<10)
		conn := service.Dial(t)
		conn.Send(t, hello+frame(frameHeaders, endStream, 1, h2Get("a", part, "b", part))+
			frame(frameContinuation, endHeaders, 1, fields("c", part, "d", part))+
			frame(frameHeaders, endHeaders|endStream, 3, h2Get()))
		var words []string
		var bodies string
		for len(words) < 2 || !strings.Contains(bodies, "<h1>HTTP Error 431</h1>") {
			kind, payload, err := readFrame(conn)
			require.NoError(t, err)
			if kind == frameData {
				bodies += payload
			}
			if word := wordFor(kind, payload); word != "" {
				words = append(words, word)
			}
		}
		assert.ElementsMatch(t, []string{"431", "200"}, words)
	})
	// A frame takes 16 KiB, so a request that is only a little too large already ends in a second.
	part := strings.Repeat("a", 990)
	large := fields("a", strings.Repeat("a", 17<<10))
	some := fields("a", part, "b", part, "c", part, "d", part)
	for name, blocks := range map[string][]string{
		"a header that alone exceeds the limit": {
			h2Get(), large[:8<<10], large[8<<10:]},
		"headers that continue when they have exceeded the limit": {
			h2Get() + some + some + some, some + some, fields("e", "e")},
	} {
		t.Run(name, func(t *testing.T) {
			conn := service.Dial(t)
			conn.Send(t, hello+frame(frameHeaders, endStream, 1, blocks[0])+
				frame(frameContinuation, 0, 1, blocks[1])+
				frame(frameContinuation, endHeaders, 1, blocks[2]))
			word := ""
			for word == "" {
				kind, payload, err := readFrame(conn)
				require.NoError(t, err)
				word = wordFor(kind, payload)
			}
			assert.Contains(t, word, "closed ")
		})
	}
}

func TestWireHTTP2(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	length := fmt.Sprint(len(sound))
	get := func(block string) string { return frame(frameHeaders, endHeaders|endStream, 1, block) }
	post := func(block, body string) string {
		return frame(frameHeaders, endHeaders, 1, block) + frame(frameData, endStream, 1, body)
	}
	long := h2Get("x", strings.Repeat("a", 17<<10))
	service := shortTimeouts(t, nil)
	for _, row := range []struct{ name, sent, want string }{
		{"a valid request", get(h2Get()), "200"},
		{"a body", post(h2Post("content-length", length), sound), "200"},
		{"a body without content-length", post(h2Post(), sound), "200"},
		{"padded", frame(frameHeaders, endHeaders|endStream|padded, 1,
			"\x04"+h2Get()+"\x00\x00\x00\x00"), "200"},
		{"in two frames", frame(frameHeaders, endStream, 1, h2Get()[:5]) +
			frame(frameContinuation, endHeaders, 1, h2Get()[5:]), "200"},

		// Requests that could smuggle another one past a proxy that converts them to HTTP/1.
		{"§8.1.1 H2.CL: longer than its length", post(h2Post("content-length", "0"), smuggled),
			"reset 1"},
		{"§8.1.1 H2.CL: shorter than its length", post(h2Post("content-length", "500"), sound),
			"422"},
		{"odd: §8.1.1 two lengths, of which the first is correct",
			post(h2Post("content-length", length, "content-length", "0"), sound), "200"},
		{"§8.1.1 two lengths, of which the second is correct",
			post(h2Post("content-length", "0", "content-length", length), sound), "reset 1"},
		{"§8.1.1 a length that is not a number", post(h2Post("content-length", "x"), sound), "reset 1"},
		{"§8.2.2 H2.TE: transfer-encoding", post(h2Post("transfer-encoding", "chunked"),
			"0\r\n\r\n"+smuggled), "400"},
		{"§8.2.2 connection", get(h2Get("connection", "close")), "400"},
		{"§8.2.2 upgrade", get(h2Get("upgrade", "h2c")), "400"},
		{"§8.2.2 te of anything else", get(h2Get("te", "chunked")), "400"},
		{"§8.2.1 CR and LF in a value", get(h2Get("x", "a\r\nx: b")), "reset 1"},
		{"§8.2.1 LF in a value", get(h2Get("x", "a\nb")), "reset 1"},
		{"§8.2.1 NUL in a value", get(h2Get("x", "a\x00b")), "reset 1"},
		{"§8.2.1 CR and LF in a name", get(h2Get("x\r\ny", "a")), "reset 1"},
		{"§8.2.1 a colon in a name", get(h2Get("x:y", "a")), "reset 1"},
		{"§8.2.1 a space in a name", get(h2Get("x ", "a")), "reset 1"},
		{"§8.2.1 capitals in a name", get(h2Get("X", "a")), "reset 1"},
		{"§8.2.1 no name", get(h2Get("", "a")), "reset 1"},

		// §8.3.1
		{"no method", get(fields(":scheme", "http", ":path", "/v1/health")), "reset 1"},
		{"no path", get(fields(":method", "GET", ":scheme", "http")), "reset 1"},
		{"no scheme", get(fields(":method", "GET", ":path", "/v1/health")), "reset 1"},
		{"two paths", get(h2Get(":path", "/nowhere")), "reset 1"},
		{"two methods", get(fields(":method", "GET", ":method", "POST", ":scheme", "http", ":path",
			"/v1/health")), "reset 1"},
		{"a pseudo-header after other fields", get(h2Get("x", "y", ":authority", "y")), "reset 1"},
		{"a pseudo-header of responses", get(h2Get(":status", "200")), "reset 1"},
		{"an unknown pseudo-header", get(h2Get(":x", "y")), "reset 1"},
		{"an empty path", get(fields(":method", "GET", ":scheme", "http", ":path", "")), "reset 1"},
		{"a path without a slash", get(fields(":method", "GET", ":scheme", "http", ":path",
			"v1/health")), "reset 1"},
		{"odd: a path with a space", get(fields(":method", "GET", ":scheme", "http", ":path",
			"/v1/health HTTP/1.1")), "404"},
		{"a path with CR and LF", get(fields(":method", "GET", ":scheme", "http", ":path",
			"/v1/health\r\nx: y")), "reset 1"},
		{"odd: an absolute path", get(fields(":method", "GET", ":scheme", "http", ":path",
			"http://x/v1/health")), "200"},
		{"a path that is not a URL", get(fields(":method", "GET", ":scheme", "http", ":path",
			"/v1/%zz")), "reset 1"},
		{"a path that is not clean", get(fields(":method", "GET", ":scheme", "http", ":path",
			"//v1/health")), "404"},
		{"odd: a method with a space", get(fields(":method", "GET /", ":scheme", "http", ":path",
			"/v1/health")), "405"},
		{"CONNECT", get(fields(":method", "CONNECT", ":authority", "x:443")), "404"},
		{"CONNECT with a path", get(fields(":method", "CONNECT", ":authority", "x:443", ":scheme",
			"http", ":path", "/v1/health")), "reset 1"},
		{"RFC 8441 CONNECT for a web socket",
			get(fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path",
				"/v1/health", ":authority", "x")), "reset 1"},
		{"a host beside the authority", get(h2Get("host", "y")), "200"},
		{"trailers", frame(frameHeaders, endHeaders, 1, h2Post()) + frame(frameData, 0, 1, sound) +
			frame(frameHeaders, endHeaders|endStream, 1, fields("authorization", "Bearer x")),
			"200"},

		// §4 to §6: errors that end the connection, with the code of §7
		{"§4.2 a frame above the maximum size, by its header only",
			"\x00\x40\x01\x00\x00\x00\x00\x00\x01", "closed 6"},
		{"§4.3 invalid HPACK", get("\xff\xff\xff\xff\xff\xff"), "closed 9"},
		{"odd: one field above the limit of all fields, which ends the connection",
			frame(frameHeaders, endStream, 1, long[:16000]) +
				frame(frameContinuation, endHeaders, 1, long[16000:]), "closed 9"},
		{"§5.1 DATA of a stream that is not open", frame(frameData, endStream, 1, "x"), "closed 1"},
		{"§5.1.1 an even stream", frame(frameHeaders, endHeaders|endStream, 2, h2Get()),
			"closed 1"},
		{"§5.1.1 stream zero", frame(frameHeaders, endHeaders|endStream, 0, h2Get()), "closed 1"},
		{"odd: §6.1 padding longer than the frame, which ends the stream only",
			frame(frameHeaders, endHeaders|endStream|padded, 1, "\xff"+h2Get()), "reset 1"},
		{"§6.4 RST_STREAM of an idle stream", frame(frameReset, 0, 1, number(8)), "closed 1"},
		{"§6.5 SETTINGS on a stream", frame(frameSettings, 0, 1, ""), "closed 1"},
		{"§6.5 SETTINGS of five bytes", frame(frameSettings, 0, 0, "12345"), "closed 6"},
		{"§6.5.2 a window of 2^32-1", frame(frameSettings, 0, 0, "\x00\x04\xff\xff\xff\xff"),
			"closed 3"},
		{"§6.5.2 a frame size of one", frame(frameSettings, 0, 0, "\x00\x05\x00\x00\x00\x01"),
			"closed 1"},
		{"§6.6 a push by the client", frame(framePush, endHeaders, 1, number(2)+h2Get()),
			"closed 1"},
		{"§6.7 PING of four bytes", frame(framePing, 0, 0, "ping"), "closed 6"},
		{"§6.9 WINDOW_UPDATE of zero", frame(frameWindow, 0, 0, number(0)), "closed 1"},
		{"§6.9.1 a window beyond 2^31-1", frame(frameWindow, 0, 0, number(0x7fffffff)), "closed 3"},
		{"§6.10 CONTINUATION without HEADERS", frame(frameContinuation, endHeaders, 1, h2Get()),
			"closed 1"},
		{"§6.10 another frame within a header block",
			frame(frameHeaders, 0, 1, h2Get()) + frame(framePing, 0, 0, "12345678"), "closed 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			conn := service.Dial(t)
			conn.Send(t, hello+row.sent)
			word := ""
			for word == "" {
				kind, payload, err := readFrame(conn)
				require.NoError(t, err)
				word = wordFor(kind, payload)
			}
			assert.Equal(t, row.want, word)
		})
	}
}
