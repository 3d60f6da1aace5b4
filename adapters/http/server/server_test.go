package server_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system"
)

// TestWhatNetHTTPSaysIsNotPassedOn: it says it with addresses and pieces of input.
func TestWhatNetHTTPSaysIsNotPassedOn(t *testing.T) {
	for said, kind := range map[string]string{
		"http: Accept error: too many open files; retrying":                    "http: Accept error",
		"http: panic serving 203.0.113.5:4567: hunter2":                        "http: panic serving",
		"http2: server connection error from 203.0.113.5:4567: PROTOCOL_ERROR": "http2: server connection error",
		"http2: panic serving 203.0.113.5:4567: hunter2":                       "http2: panic serving",
		"something about 203.0.113.5 and hunter2":                              "other",
	} {
		var out bytes.Buffer
		log.New(server.Complaints(slog.New(slog.NewTextHandler(&out, nil))), "", 0).Print(said)
		assert.Contains(t, out.String(), "msg=http_server_complaint")
		assert.Contains(t, out.String(), kind)
		assert.NotContains(t, out.String(), "203.0.113.5")
		assert.NotContains(t, out.String(), "hunter2")
	}
}

// TestComplaintsDoNotFillTheLog: clients make most of them.
func TestComplaintsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		complaints := log.New(server.Complaints(slog.New(slog.NewTextHandler(&out, nil))), "", 0)
		for range 1000 {
			complaints.Print("http2: server connection error from 203.0.113.5:4567: PROTOCOL_ERROR")
			complaints.Print("http: Accept error: too many open files")
		}
		assert.Equal(t, 2, strings.Count(out.String(), "\n"), "each kind once")
		time.Sleep(10 * time.Second)
		out.Reset()
		complaints.Print("http: Accept error: too many open files")
		assert.Contains(t, out.String(), "suppressed=999")
	})
}

// TestAnIdleConnectionIsLetGo: by its own bound, not by that of reading.
func TestAnIdleConnectionIsLetGo(t *testing.T) {
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		server.Limits{Read: time.Hour, Idle: 50 * time.Millisecond, Connections: 10},
		server.Handshake{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	client := dial(t, srv)
	client.say(t, whole)
	client.hear(t)
	_, err = client.ReadByte()
	assert.ErrorIs(t, err, io.EOF)
}

// TestAnUnreadBodyIsNotWaitedFor: its connection ends soon after the answer, though the client may
// take an hour.
func TestAnUnreadBodyIsNotWaitedFor(t *testing.T) {
	routes := []server.Route{{Pattern: "/", Handle: ok}}
	handler := server.NewRouter(routes, system.NewClock(), &book{}, slog.New(slog.DiscardHandler))
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler,
		server.Limits{Read: time.Hour, Idle: time.Hour, Connections: 10}, server.Handshake{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	client := dial(t, srv)
	client.say(t, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	assert.True(t, client.hear(t).Close)
	_, err = client.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	assert.Zero(t, srv.Shutdown(context.Background()), "an answered request is not under way")
}
