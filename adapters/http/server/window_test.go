package server

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
)

// feed passes a frame to a window, in parts of the given size.
func feed(s *sendWindow, kind byte, stream uint32, payload []byte, part int) {
	var header [frameHeader]byte
	header[2], header[3] = byte(len(payload)), kind
	binary.BigEndian.PutUint32(header[5:], stream)
	s.begin(header)
	for len(payload) > 0 {
		n := min(part, len(payload))
		s.follow(payload[:n])
		payload = payload[n:]
	}
}

// setting returns an entry of a SETTINGS frame.
func setting(id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, id), value)
}

func TestWindowFollowsClient(t *testing.T) {
	for _, part := range []int{1, 4, 5, 100} {
		s := newSendWindow()
		assert.True(t, s.take(65000), "RFC 9113 §6.9.2")
		assert.False(t, s.take(536), "one byte more than what is left")
		assert.False(t, s.take(1), "what did not fit is sent later all the same")
		feed(s, frameWindowUpdate, 1, []byte{0, 0, 0x10, 0}, part)
		assert.False(t, s.take(0), "the window of a stream")
		feed(s, frameWindowUpdate, 0, []byte{0x80, 0, 0x10, 0}, part)
		assert.True(t, s.take(4000), "the reserved bit is ignored")

		feed(s, frameWindowUpdate, 0, []byte{0, 1, 0, 0}, part)
		feed(s, frameSettings, 0, append(setting(3, 7), append(setting(4, 10), setting(5, 9)...)...),
			part)
		assert.True(t, s.take(10))
		assert.False(t, s.take(11), "more than the window of a stream")
		feed(s, frameSettings, 0, setting(4, 0), part)
		assert.False(t, s.take(1))
		assert.True(t, s.take(0))
		feed(s, 1, 0, setting(4, 1000), part)
		assert.False(t, s.take(1), "another type of frame")
		feed(s, frameSettings, 0, setting(4, 1000)[:5], part)
		feed(s, frameSettings, 0, setting(4, 1000)[5:], part)
		assert.False(t, s.take(1), "parts of two frames")
	}
}

func TestUnknownWindowFitsNothing(t *testing.T) { assert.False(t, (*sendWindow)(nil).take(0)) }
