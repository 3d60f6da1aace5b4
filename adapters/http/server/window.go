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

// sendWindow is a lower bound of how many bytes of response bodies an HTTP/2 client lets the server
// send (RFC 9113 §5.2). It is computed from the client's frames, which are seen here before
// net/http reads them, and from the responses. WINDOW_UPDATE frames for single streams are not
// counted, nor are bytes that were not sent because a stream was reset. A response that fits never
// waits for the client, so its handler need not wait for it either, and net/http sends the headers,
// the body and the end of the stream together.
type sendWindow struct {
	// Only the goroutine that reads the connection uses these: the type of the current frame, 0 if
	// it changes no window here, and the first kept bytes of the current setting or increment.
	kind byte
	part [6]byte
	kept int

	mu sync.Mutex
	// stream is the window of a new stream, and connection that of the connection, which may be
	// negative: responses that do not fit are subtracted too.
	stream, connection int64
}

func newSendWindow() *sendWindow {
	return &sendWindow{stream: initialWindow, connection: initialWindow}
}

// begin is called before the payload of each frame.
func (s *sendWindow) begin(header [frameHeader]byte) {
	s.kind, s.kept = 0, 0
	if binary.BigEndian.Uint32(header[5:])<<1 == 0 { // the connection, not a stream
		s.kind = header[3]
	}
}

// follow is called with each part of the payload.
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

// take subtracts the size of a response body from the window, and reports whether it fitted.
// Nothing fits in a nil window, which stands for an unknown one.
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

// windowOf returns the window of a request's connection, or nil if it is not known.
func windowOf(ctx context.Context) *sendWindow {
	window, _ := ctx.Value(windowKey{}).(*sendWindow)
	return window
}
