package server

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
)

// The types of frames that change windows, and the setting that does (RFC 9113 §6.5.2, §6.9).
const (
	frameSettings        = 4
	frameWindowUpdate    = 8
	settingInitialWindow = 4
)

// initialWindow is the size of the windows of a new connection (RFC 9113 §6.9.2).
const initialWindow = 65535

// sendWindow is how many bytes of response bodies a client of HTTP/2 lets the server send, as far
// as that is known here: from what the client sends, which is read before net/http gets it, and
// from the responses. Windows that the client gives to single streams are not counted. A response
// that fits never waits for the client, so its handler need not wait for it either; net/http then
// sends the headers, the body and the end of the stream together.
type sendWindow struct {
	// Only the goroutine that reads the connection uses these: the type of the present frame, 0 if
	// it changes nothing, and the part of its payload that is kept.
	kind byte
	part [6]byte
	kept int

	mu sync.Mutex
	// stream is the window of a new stream, connection that of the connection. It may be negative.
	stream, connection int64
}

func newSendWindow() *sendWindow {
	return &sendWindow{stream: initialWindow, connection: initialWindow}
}

// begin begins the payload of a frame.
func (s *sendWindow) begin(header [frameHeader]byte) {
	s.kind, s.kept = 0, 0
	if binary.BigEndian.Uint32(header[5:])<<1 == 0 { // the connection, not a stream
		s.kind = header[3]
	}
}

// follow follows a part of the payload.
func (s *sendWindow) follow(payload []byte) {
	size := 6 // of a setting
	switch s.kind {
	case frameSettings:
	case frameWindowUpdate:
		size = 4
	default:
		return
	}
	for len(payload) > 0 {
		n := copy(s.part[s.kept:size], payload)
		payload = payload[n:]
		if s.kept += n; s.kept == size {
			s.kept = 0
			s.apply()
		}
	}
}

// apply applies the setting or the increment in part.
func (s *sendWindow) apply() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == frameWindowUpdate {
		s.connection += int64(binary.BigEndian.Uint32(s.part[:]) & math.MaxInt32)
	} else if binary.BigEndian.Uint16(s.part[:]) == settingInitialWindow {
		s.stream = int64(binary.BigEndian.Uint32(s.part[2:]))
	}
}

// take takes the size of a response body from the window, and reports whether it fits. A nil window
// is not known, and nothing fits.
func (s *sendWindow) take(size int) (fits bool) {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fits = int64(size) <= min(s.stream, s.connection)
	s.connection -= int64(size)
	return fits
}

type windowKey struct{}

// withWindow returns the context of a connection that has a window.
func withWindow(ctx context.Context, window *sendWindow) context.Context {
	return context.WithValue(ctx, windowKey{}, window)
}

// windowOf returns the window of the connection that a request came on, or nil if it is not known.
func windowOf(ctx context.Context) *sendWindow {
	window, _ := ctx.Value(windowKey{}).(*sendWindow)
	return window
}
