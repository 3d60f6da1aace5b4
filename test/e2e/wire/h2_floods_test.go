package wire_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// Floods over HTTP/2, each of bounded size: the connection is closed, or the flood is processed or
// slowed down; other clients are served meanwhile, and the memory is released.

// lastly is a ping after a flood: its response shows that the flood has been processed.
var lastly = frame(framePing, 0, 0, "the last")

// flood is what a hostile client sends.
type flood struct {
	name, sent string
	// unread makes the client read nothing until everything is sent.
	unread bool
	// want is the prefix of a word that must be received, if any.
	want string
}

// slowed is how long a flood lasts of which the rest would take hours. It is longer than the
// service leaves a connection open that only floods.
const slowed = 20 * time.Second

// arrive sends the flood on an HTTP/2 connection. It returns the words received until the flood was
// processed and want was received, the connection was closed, or the flood has lasted for slowed.
func (f flood) arrive(t *testing.T, service *harness.Process) (words []string) {
	t.Helper()
	conn := service.Dial(t)
	defer func() { _ = conn.Close() }()
	var reading sync.WaitGroup
	began := time.Now()
	if f.want == "" {
		defer time.AfterFunc(slowed, func() { _ = conn.Close() }).Stop()
	}
	read := func() {
		for done := false; !done || !f.wanted(words); {
			done = done || time.Since(began) > slowed
			kind, payload, err := readFrame(conn)
			if err != nil {
				return
			}
			done = done || kind == framePing && payload == "the last"
			if word := wordFor(kind, payload); word != "" {
				words = append(words, word)
			}
		}
	}
	if !f.unread {
		reading.Go(read)
	}
	conn.Send(t, hello+f.sent+lastly)
	if f.unread {
		reading.Go(read)
	}
	harness.Wait(t, "the flood is processed or its connection is closed", &reading)
	return words
}

// wanted reports whether want has been received.
func (f flood) wanted(words []string) bool {
	return f.want == "" || slices.ContainsFunc(words, func(word string) bool {
		return strings.HasPrefix(word, f.want)
	})
}

func TestWireHTTP2Floods(t *testing.T) {
	t.Parallel()
	each := func(count int, frames func(stream uint32) string) string {
		var sent strings.Builder
		for n := range count {
			sent.WriteString(frames(uint32(2*n + 1)))
		}
		return sent.String()
	}
	get, post := h2Get(), h2Post()
	large := indexed("x", strings.Repeat("a", 4000))
	service := shortTimeouts(t, nil)
	before := service.Metric(t, "process_resident_memory_bytes")
	for _, flood := range []flood{
		{name: "CVE-2023-44487: streams opened and reset at once",
			sent: each(20_000, func(stream uint32) string {
				return frame(frameHeaders, endHeaders|endStream, stream, get) +
					frame(frameReset, 0, stream, number(8))
			})},
		{name: "streams opened and reset, with bodies that the service waits for",
			sent: each(20_000, func(stream uint32) string {
				return frame(frameHeaders, endHeaders, stream, post) +
					frame(frameReset, 0, stream, number(8))
			})},
		{name: "CVE-2025-8671: streams that the service must reset",
			sent: each(20_000, func(stream uint32) string {
				return frame(frameHeaders, endHeaders, stream, post) +
					frame(frameWindow, 0, stream, number(0))
			})},
		{name: "more streams than the limit", want: "reset 7",
			sent: each(2000, func(stream uint32) string {
				return frame(frameHeaders, endHeaders, stream, post)
			})},
		{name: "CVE-2023-45288: endless CONTINUATION", want: "closed",
			sent: frame(frameHeaders, 0, 1, get) +
				strings.Repeat(frame(frameContinuation, 0, 1,
					strings.Repeat(field("x", strings.Repeat("a", 100)), 100)), 2000)},
		{name: "endless empty CONTINUATION",
			sent: frame(frameHeaders, 0, 1, get) +
				strings.Repeat(frame(frameContinuation, 0, 1, ""), 100_000)},
		{name: "HPACK that expands a thousandfold", want: "431",
			sent: frame(frameHeaders, endHeaders|endStream, 1,
				get+large+strings.Repeat("\xbe", 10_000))},
		{name: "HPACK that expands, on a thousand streams", want: "431",
			sent: frame(frameHeaders, endHeaders|endStream, 1,
				get+large+strings.Repeat("\xbe", 10_000)) +
				each(1000, func(stream uint32) string {
					return frame(frameHeaders, endHeaders|endStream, stream+2,
						get+strings.Repeat("\xbe", 10_000))
				})},
		{name: "CVE-2019-9512: pings, and the responses are not read", unread: true,
			sent: strings.Repeat(frame(framePing, 0, 0, "12345678"), 300_000)},
		{name: "pings", sent: strings.Repeat(frame(framePing, 0, 0, "12345678"), 50_000)},
		{name: "CVE-2019-9515: settings, and the responses are not read", unread: true,
			sent: strings.Repeat(frame(frameSettings, 0, 0, ""), 100_000)},
		{name: "settings that change the windows",
			sent: strings.Repeat(frame(frameSettings, 0, 0,
				"\x00\x04\x00\x00\x00\x01"+"\x00\x04\x7f\xff\xff\xff"), 50_000)},
		{name: "CVE-2019-9518: empty DATA", sent: frame(frameHeaders, endHeaders, 1, post) +
			strings.Repeat(frame(frameData, 0, 1, ""), 100_000)},
		{name: "CVE-2019-9513: priorities", sent: strings.Repeat(frame(2, 0, 1, number(3)+"\x10"),
			100_000)},
		{name: "window updates of one byte", sent: strings.Repeat(frame(frameWindow, 0, 0, number(1)),
			100_000)},
		{name: "frames of unknown types", sent: strings.Repeat(frame(0xfa, 0, 0,
			strings.Repeat("x", 1000)), 10_000)},
	} {
		t.Run(flood.name, func(t *testing.T) {
			t.Parallel() // most are slowed down for seconds
			over := make(chan struct{})
			var served sync.WaitGroup
			var waits []time.Duration
			served.Go(func() {
				for {
					began := time.Now()
					answer, err := service.Try(http.MethodGet, "/v1/health", "")
					if assert.NoError(t, err) {
						assert.Equal(t, http.StatusOK, answer.Status)
					}
					waits = append(waits, time.Since(began))
					select {
					case <-over:
						return
					default:
					}
				}
			})
			began := time.Now()
			words := flood.arrive(t, service)
			took := time.Since(began)
			close(over)
			harness.Wait(t, "the last of the other requests is answered", &served)
			assert.True(t, flood.wanted(words), "%v", tail(words))
			grown := (service.Metric(t, "process_resident_memory_bytes") - before) / (1 << 20)
			assert.Less(t, grown, 64.0, "MiB more than before")
			require.NotEmpty(t, waits)
			t.Logf("%v: %v; %d others, the slowest %v; %+.0f MiB", took.Round(time.Millisecond),
				tail(words), len(waits), slices.Max(waits).Round(time.Millisecond), grown)
		})
	}
}

// TestWireHTTP2ResponsesWithoutAWindow shows that responses for which the client opens no window
// are reset, and the connection is closed, ten seconds after the read timeout of the request.
func TestWireHTTP2ResponsesWithoutAWindow(t *testing.T) {
	t.Parallel()
	service := shortTimeouts(t, nil)
	conn := service.Dial(t)
	sent := hello + frame(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x00")
	for n := range uint32(100) {
		sent += frame(frameHeaders, endHeaders|endStream, 2*n+1, h2Get())
	}
	conn.Send(t, sent)
	given := map[string]int{}
	for {
		kind, payload, err := readFrame(conn)
		if err != nil {
			break
		}
		given[wordFor(kind, payload)]++
	}
	// The connection is read slowly, so that some requests find that a stream has been reset.
	assert.GreaterOrEqual(t, given["reset 2"], 32, "%v", given)
	assert.Equal(t, 100, given["reset 2"]+given["reset 7"],
		"requests beyond the number of streams are refused: %v", given)
}

// tail describes the last few of words and their number.
func tail(words []string) string {
	return fmt.Sprintf("%d frames, at last %v", len(words), words[max(0, len(words)-3):])
}
