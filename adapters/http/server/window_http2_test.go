package server_test

import (
	"encoding/binary"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
)

// TestResponseThatFitsEndsWithItsBody checks that a response for which the client's window has room
// takes two frames, also after the client has narrowed and widened the window, and that one for
// which it has none waits among the requests that wait for their clients.
func TestResponseThatFitsEndsWithItsBody(t *testing.T) {
	const body = "a body"
	greet := server.Route{Pattern: "/greet",
		Handle: func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, body)
			return err
		}}
	onBothTransports(t, usualLimits, bounded(
		server.NewSmallBudgets(1, 0, 100, clock.New(), &shedEvents{}), greet),
		func(t *testing.T, v http2Server) {
			client := v.connect(t)
			client.send(t, http2Preface)
			data := func() (payload string, last bool) {
				for {
					head := make([]byte, 9)
					_, err := io.ReadFull(client.Reader, head)
					require.NoError(t, err)
					payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
					_, err = io.ReadFull(client.Reader, payload)
					require.NoError(t, err)
					if head[3] == kindData {
						return string(payload), head[4]&endOfStream != 0
					}
				}
			}
			client.send(t, headers(1, endOfStream, methodGet, "/greet"))
			payload, last := data()
			assert.Equal(t, body, payload)
			assert.True(t, last)

			client.send(t, windowless+headers(3, endOfStream, methodGet, "/greet"))
			client.send(t, http2Frame(8, 0, 3, "\x00\x00\x00\x03"))
			payload, last = data()
			assert.Equal(t, body[:3], payload)
			assert.False(t, last)
			client.send(t, http2Frame(8, 0, 3, "\x00\x00\x00\x03"))
			payload, last = data()
			assert.Equal(t, body[3:], payload)
			assert.False(t, last, "the end follows when the client has read the body")
			payload, last = data()
			assert.Empty(t, payload)
			assert.True(t, last)

			client.send(t, http2Frame(4, 0, 0, "\x00\x04\x00\x00\x00\x06")+
				headers(5, endOfStream, methodGet, "/greet"))
			payload, last = data()
			assert.Equal(t, body, payload)
			assert.True(t, last)
		})
}
