package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/offload/sessiond/test/harness"
)

// issueWith returns an issue request with the given header fields and body, unchanged.
func issueWith(fields, body string) string {
	return "POST " + harness.IssuePath + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body
}

// inChunk returns body as one chunk, followed by the last chunk.
func inChunk(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// Where a request ends: RFC 9112 §6 and §7. Request smuggling exploits two parsers that disagree
// on it (§11.2).

func TestWireContentLength(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	length := fmt.Sprint(len(sound))
	runWire(t, []wireRow{
		{name: "sound", sent: issueWith("Content-Length: "+length+"\r\n", sound),
			want: "200; kept"},
		{name: "§6.3 without a length there is no body, and the rest is the next request", sent: issueWith("", sound),
			want: "422 validation_error, 400 plain; closed"},
		{name: "RFC 9110 §8.6 the same twice",
			sent: issueWith("Content-Length: "+length+"\r\nContent-Length: "+length+"\r\n", sound),
			want: "200; kept"},
		{name: "§6.3 two that differ", sent: issueWith("Content-Length: "+length+
			"\r\nContent-Length: 0\r\n", sound+smuggled), want: "400 plain; closed"},
		{name: "§6.3 two that differ, the other order",
			sent: issueWith("Content-Length: 0\r\nContent-Length: "+length+"\r\n", sound+smuggled),
			want: "400 plain; closed"},
		{name: "§6.3 two equal numbers written in two ways",
			sent: issueWith("Content-Length: "+length+"\r\nContent-Length: 0"+length+"\r\n",
				sound+smuggled), want: "400 plain; closed"},
		{name: "RFC 9110 §8.6 a list of the same, which may be refused",
			sent: issueWith("Content-Length: "+length+", "+length+"\r\n", sound+smuggled),
			want: "400 plain; closed"},
		{name: "§6.3 a list that differs", sent: issueWith("Content-Length: "+length+", 0\r\n",
			sound+smuggled), want: "400 plain; closed"},
		{name: "empty", sent: issueWith("Content-Length:\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "a sign", sent: issueWith("Content-Length: +"+length+"\r\n", sound+smuggled),
			want: "400 plain; closed"},
		{name: "negative", sent: issueWith("Content-Length: -1\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "negative zero", sent: issueWith("Content-Length: -0\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "hexadecimal", sent: issueWith("Content-Length: 0x3b\r\n", sound+smuggled),
			want: "400 plain; closed"},
		{name: "a fraction", sent: issueWith("Content-Length: 5.0\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "an exponent", sent: issueWith("Content-Length: 1e1\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "an underscore", sent: issueWith("Content-Length: 1_0\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "a space within", sent: issueWith("Content-Length: 1 0\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "digits that are not ASCII", sent: issueWith("Content-Length: ٥\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "a vertical tab before", sent: issueWith("Content-Length: \v5\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "a no-break space before", sent: issueWith("Content-Length: \u00a05\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "spaces and tabs around", sent: issueWith("Content-Length: \t "+length+" \t\r\n",
			sound), want: "200; kept"},
		{name: "leading zeros, which are digits",
			sent: issueWith("Content-Length: 000000000000000000000000"+length+"\r\n", sound),
			want: "200; kept"},
		{name: "zero", sent: issueWith("Content-Length: 0\r\n", ""),
			want: "422 validation_error; kept"},
		{name: "2^63", sent: issueWith("Content-Length: 9223372036854775808\r\n", smuggled),
			want: "400 plain; closed"},
		{name: "2^64 plus the correct one, which overflows to the correct one",
			sent: issueWith("Content-Length: 18446744073709551675\r\n", sound+smuggled),
			want: "400 plain; closed"},
		{name: "the largest possible", sent: issueWith("Content-Length: 9223372036854775807\r\n",
			smuggled), want: "413 payload_too_large; closed"},
		{name: "a name with an underscore is another field",
			sent: issueWith("Content_Length: 0\r\nContent-Length: "+length+"\r\n", sound),
			want: "200; kept"},
		{name: "a name that looks the same", sent: issueWith("Content-Length\u00a0: 0\r\n",
			smuggled), want: "400 plain; closed"},
		{name: "§5.2 folded into another field", sent: issueWith(
			"X: y\r\n Content-Length: 500\r\nContent-Length: "+length+"\r\n", sound),
			want: "200; kept"},
		{name: "§5.2 folded into two numbers",
			sent: issueWith("Content-Length: 1\r\n 0\r\n", smuggled), want: "400 plain; closed"},
		{name: "a request inside it is body",
			sent: issueWith(fmt.Sprintf("Content-Length: %d\r\n", len(smuggled)), smuggled),
			want: "422 validation_error; kept"},
		{name: "a body with GET, which is not read",
			sent: harness.RawRequest("GET", "/v1/health", smuggled), want: "200; closed"},
		{name: "a body with HEAD", sent: harness.RawRequest("HEAD", "/v1/health", smuggled),
			want: "200; closed"},
		{name: "a body with a path that is not there",
			sent: harness.RawRequest("PUT", "/nowhere", smuggled),
			want: "404 not_found; closed"},
		{name: "a body with a sub-request", sent: harness.RawRequest("POST",
			"/v1/sessions/verify/x",
			smuggled), want: "401 unauthorized; closed"},
		{name: "longer than announced: the rest is the next request, which is malformed",
			sent: issueWith("Content-Length: "+length+"\r\n", sound+"}"),
			want: "200, 400 plain; closed"},
		{name: "shorter than announced", sent: issueWith("Content-Length: 100\r\n", sound),
			want: "422 validation_error; closed", unfinished: true},
		{name: "announced and never sent", sent: issueWith("Content-Length: 1\r\n", ""),
			want: "422 validation_error; closed", unfinished: true},
	})
}

func TestWireTransferEncoding(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	chunks := inChunk(sound)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(chunks))
	const te = "Transfer-Encoding: chunked\r\n"
	runWire(t, []wireRow{
		// §6.1 and §6.3: chunks override the length, and the connection is closed after the
		// response. The service closes it after every chunked request, because net/http removes the
		// length before the service can see it.
		{name: "chunked", sent: issueWith(te, chunks), want: "200; closed"},
		{name: "chunked in another case", sent: issueWith("transfer-ENCODING: CHUNKED\r\n", chunks),
			want: "200; closed"},
		{name: "§6.1 with a length", sent: issueWith(length+te, chunks), want: "200; closed"},
		{name: "§6.1 with a length, the other order", sent: issueWith(te+length, chunks),
			want: "200; closed"},
		{name: "§11.2 CL.TE: the length includes what follows the chunks",
			sent: issueWith(fmt.Sprintf("Content-Length: %d\r\n", len(chunks)+len(smuggled))+te,
				chunks+smuggled), want: "200; closed"},
		{name: "§11.2 TE.CL: the length ends within the chunks",
			sent: issueWith("Content-Length: 4\r\n"+te, inChunk(smuggled)),
			want: "422 validation_error; closed"},
		{name: "§11.2 CL.0: a length of zero",
			sent: issueWith("Content-Length: 0\r\n"+te, "0\r\n\r\n"+smuggled),
			want: "422 validation_error; closed"},
		{name: "§6.3 with a broken length", sent: issueWith("Content-Length: x\r\n"+te,
			chunks+smuggled), want: "400 plain; closed"},
		{name: "§6.3 with two lengths", sent: issueWith(
			"Content-Length: 1\r\nContent-Length: 2\r\n"+te, chunks+smuggled),
			want: "400 plain; closed"},
		{name: "§6.1 chunked twice, in a list",
			sent: issueWith("Transfer-Encoding: chunked, chunked\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "§6.1 chunked twice, in two lines", sent: issueWith(te+te, chunks+smuggled),
			want: "501 plain; closed"},
		{name: "§6.3 chunked is not the last",
			sent: issueWith("Transfer-Encoding: chunked, identity\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "identity before", sent: issueWith("Transfer-Encoding: identity, chunked\r\n",
			chunks+smuggled), want: "501 plain; closed"},
		{name: "identity", sent: issueWith("Transfer-Encoding: identity\r\n"+length,
			chunks+smuggled), want: "501 plain; closed"},
		{name: "identity in a separate line",
			sent: issueWith("Transfer-Encoding: identity\r\n"+te, chunks+smuggled),
			want: "501 plain; closed"},
		{name: "gzip", sent: issueWith("Transfer-Encoding: gzip, chunked\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "xchunked", sent: issueWith("Transfer-Encoding: xchunked\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "chunkedx", sent: issueWith("Transfer-Encoding: chunkedx\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "quoted", sent: issueWith("Transfer-Encoding: \"chunked\"\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "with a parameter", sent: issueWith("Transfer-Encoding: chunked;q=1\r\n",
			chunks+smuggled), want: "501 plain; closed"},
		{name: "with a comma", sent: issueWith("Transfer-Encoding: chunked,\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "empty", sent: issueWith("Transfer-Encoding:\r\n"+length, chunks+smuggled),
			want: "501 plain; closed"},
		{name: "with lookalike letters",
			sent: issueWith("Transfer-Encoding: chun\u212aed\r\n", chunks+smuggled),
			want: "501 plain; closed"},
		{name: "a vertical tab before", sent: issueWith("Transfer-Encoding: \vchunked\r\n"+length,
			chunks+smuggled), want: "400 plain; closed"},
		{name: "a NUL after", sent: issueWith("Transfer-Encoding: chunked\x00\r\n"+length,
			chunks+smuggled), want: "400 plain; closed"},
		{name: "a bare CR before", sent: issueWith("Transfer-Encoding:\rchunked\r\n"+length,
			chunks+smuggled), want: "400 plain; closed"},
		{name: "§5.1 a space before the colon",
			sent: issueWith("Transfer-Encoding : chunked\r\n"+length, chunks+smuggled),
			want: "400 plain; closed"},
		{name: "a tab before the colon", sent: issueWith("Transfer-Encoding\t: chunked\r\n"+length,
			chunks+smuggled), want: "400 plain; closed"},
		{name: "§2.2 a space before the first name",
			sent: "POST " + harness.IssuePath +
				" HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: x\r\n" + length + "\r\n" +
				chunks + smuggled, want: "400 plain; closed"},
		{name: "a bare CR before the name", sent: issueWith(
			"X: y\r\rTransfer-Encoding: chunked\r\n", chunks+smuggled), want: "400 plain; closed"},
		{name: "§5.2 folded", sent: issueWith("Transfer-Encoding:\r\n chunked\r\n", chunks),
			want: "200; closed"},
		{name: "§5.2 folded into another field", sent: issueWith(
			"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", ""),
			want: "422 validation_error; kept"},
		{name: "a name with an underscore is another field",
			sent: issueWith("Transfer_Encoding: chunked\r\nContent-Length: 0\r\n", ""),
			want: "422 validation_error; kept"},
		{name: "listed under Connection", sent: issueWith("Connection: Transfer-Encoding\r\n"+te,
			chunks), want: "200; closed"},
		// §6.1: the framing counts as faulty. net/http ignores the field; the chunks are not read
		// as a request, because the connection is closed.
		{name: "§6.1 in HTTP/1.0", sent: "POST " + harness.IssuePath +
			" HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + smuggled,
			want: "422 validation_error; closed"},
		{name: "§6.1 in HTTP/1.0 with keep-alive",
			sent: "POST " + harness.IssuePath +
				" HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" +
				smuggled, want: "422 validation_error; closed"},
		{name: "§6.1 in HTTP/1.0, with a length",
			sent: "POST " + harness.IssuePath + " HTTP/1.0\r\nConnection: keep-alive\r\n" + te +
				fmt.Sprintf("Content-Length: %d\r\n", len(sound)) + "\r\n" + sound + smuggled,
			want: "200; closed"},
		{name: "with GET", sent: "GET /v1/health HTTP/1.1\r\nHost: x\r\n" + te + "\r\n" +
			inChunk(smuggled), want: "200; closed"},
		{name: "with HEAD", sent: "HEAD /v1/health HTTP/1.1\r\nHost: x\r\n" + te + "\r\n0\r\n\r\n" +
			smuggled, want: "200; closed"},
		{name: "with a path that is not there",
			sent: "GET /nowhere HTTP/1.1\r\nHost: x\r\n" + te + "\r\n0\r\n\r\n" + smuggled,
			want: "404 not_found; closed"},
		{name: "with a method that is not allowed",
			sent: "PUT /v1/health HTTP/1.1\r\nHost: x\r\n" + te + "\r\n" + inChunk(smuggled),
			want: "405 method_not_allowed; closed"},
		{name: "TE is another field", sent: issueWith("TE: chunked\r\nContent-Length: 0\r\n", ""),
			want: "422 validation_error; kept"},
	})
}

func TestWireChunks(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	size := fmt.Sprintf("%x", len(sound))
	inChunks := func(body string) string {
		return issueWith("Transfer-Encoding: chunked\r\n", body)
	}
	// The body broke off, but the request line and headers were complete: an error of the service.
	const refused = "422 validation_error; closed"
	runWire(t, []wireRow{
		{name: "capitals and zeros", sent: inChunks("00" + strings.ToUpper(size) + "\r\n" +
			sound + "\r\n000\r\n\r\n"), want: "200; closed"},
		{name: "one byte each", sent: inChunks("1\r\n" +
			strings.Join(strings.Split(sound, ""), "\r\n1\r\n") + "\r\n0\r\n\r\n"),
			want: "200; closed"},
		{name: "no size", sent: inChunks("\r\n" + sound + "\r\n0\r\n\r\n" + smuggled),
			want: refused},
		{name: "a size of 2^64", sent: inChunks("10000000000000000\r\n" + sound + "\r\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "a size of 2^63", sent: inChunks("8000000000000000\r\n" + sound + "\r\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "a size that overflows to the correct one",
			sent: inChunks("1000000000000000" + size + "\r\n" + sound + "\r\n0\r\n\r\n" + smuggled),
			want: refused},
		{name: "a negative size", sent: inChunks("-" + size + "\r\n" + sound + "\r\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "a size with a sign", sent: inChunks("+" + size + "\r\n" + sound + "\r\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "a size with 0x", sent: inChunks("0x" + size + "\r\n" + sound + "\r\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "a size with an underscore", sent: inChunks("0_" + size + "\r\n" + sound +
			"\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "a space before the size", sent: inChunks(" " + size + "\r\n" + sound +
			"\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "odd: a space after the size",
			sent: inChunks(size + " \r\n" + sound + "\r\n0\r\n\r\n"), want: "200; closed"},
		{name: "§7.1 a size that ends with LF",
			sent: inChunks(size + "\n" + sound + "\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "a size that ends with CR", sent: inChunks(size + "\r" + sound + "\r\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "a chunk longer than its size",
			sent: inChunks("5\r\n" + sound + "\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "a chunk shorter than its size",
			sent: inChunks("ff\r\n" + sound + "\r\n0\r\n\r\n" + strings.Repeat(" ", 300) +
				smuggled), want: refused},
		{name: "a chunk that ends with LF", sent: inChunks(size + "\r\n" + sound + "\n0\r\n\r\n" +
			smuggled), want: refused},
		{name: "§7.1.1 an extension", sent: inChunks(size + ";name=value\r\n" + sound +
			"\r\n0;x\r\n\r\n"), want: "200; closed"},
		{name: "§7.1.1 an extension with a bare LF, which two parsers read differently",
			sent: inChunks(size + ";x\n" + sound + "\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "an extension with a bare CR",
			sent: inChunks(size + ";x\ry\r\n" + sound + "\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "§7.1.1 an extension of 5 KB",
			sent: inChunks(size + ";" + strings.Repeat("x", 5000) + "\r\n" + sound +
				"\r\n0\r\n\r\n" + smuggled), want: refused},
		{name: "an endless extension", sent: inChunks(size + ";" +
			strings.Repeat("x", 200_000)), want: refused},
		{name: "extensions larger than the data",
			sent: inChunks(strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\n \r\n", 100) +
				"0\r\n\r\n" + smuggled), want: refused},
		{name: "the last chunk with a body", sent: inChunks("0\r\n" + smuggled),
			want: "422 validation_error; closed"},
		{name: "no empty line after the last chunk",
			sent: inChunks(size + "\r\n" + sound + "\r\n0\r\n"), want: refused, unfinished: true},
		{name: "no last chunk", sent: inChunks(size + "\r\n" + sound + "\r\n"), want: refused,
			unfinished: true},
		{name: "16 KiB", sent: inChunks(inChunk(sound + strings.Repeat(" ", 16<<10-len(sound)))),
			want: "200; closed"},
		{name: "16 KiB and one", sent: inChunks(
			inChunk(sound + strings.Repeat(" ", 16<<10+1-len(sound)))),
			want: "413 payload_too_large; closed"},
		{name: "a huge chunk that is never sent", sent: inChunks("7fffffffffffffff\r\n" + sound),
			want: refused, unfinished: true},
	})
}

// TestWireTrailers shows that trailers are read and discarded, whatever their names (§7.1.2, RFC
// 9110 §6.5).
func TestWireTrailers(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	trailed := func(fields, trailer string) string {
		return issueWith("Transfer-Encoding: chunked\r\n"+fields,
			fmt.Sprintf("%x\r\n%s\r\n0\r\n%s\r\n", len(sound), sound, trailer))
	}
	const refused = "422 validation_error; closed"
	runWire(t, []wireRow{
		{name: "one", sent: trailed("", "X: y\r\n"), want: "200; closed"},
		{name: "announced", sent: trailed("Trailer: X\r\n", "X: y\r\n"), want: "200; closed"},
		{name: "announced and not sent", sent: trailed("Trailer: X\r\n", ""), want: "200; closed"},
		{name: "Authorization", sent: trailed("", "Authorization: Bearer x\r\n"),
			want: "200; closed"},
		{name: "Content-Type", sent: trailed("", "Content-Type: text/plain\r\n"),
			want: "200; closed"},
		{name: "Content-Length", sent: trailed("", "Content-Length: 500\r\n"), want: "200; closed"},
		{name: "Transfer-Encoding", sent: trailed("", "Transfer-Encoding: gzip\r\n"),
			want: "200; closed"},
		{name: "X-Request-ID", sent: trailed("", "X-Request-ID: smuggled\r\n"),
			want: "200; closed"},
		{name: "RFC 9110 §6.5.1 Content-Length is announced",
			sent: trailed("Trailer: Content-Length\r\n", "Content-Length: 500\r\n") + smuggled,
			want: "400 plain; closed"},
		{name: "RFC 9110 §6.5.1 Transfer-Encoding is announced",
			sent: trailed("Trailer: Transfer-Encoding\r\n", "") + smuggled,
			want: "400 plain; closed"},
		{name: "RFC 9110 §6.5.1 Trailer is announced",
			sent: trailed("Trailer: Trailer\r\n", "") + smuggled, want: "400 plain; closed"},
		{name: "four hundred short ones, within the buffer",
			sent: trailed("", strings.Repeat("X: y\r\n", 400)), want: "200; closed"},
		{name: "larger than the buffer", sent: trailed("", strings.Repeat("X: y\r\n", 20_000)),
			want: refused},
		{name: "an endless trailer", sent: trailed("", "X: "+strings.Repeat("y", 100_000)),
			want: refused},
		{name: "no colon", sent: trailed("", "GET /v1/health HTTP/1.1\r\n"), want: refused},
		{name: "odd: an invalid name", sent: trailed("", "X y: z\r\n"), want: "200; closed"},
	})
}
