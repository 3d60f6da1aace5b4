package server_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
)

// TestErrorLogHidesInput checks that messages of net/http are not logged, because they
// hold addresses and parts of the input.
func TestErrorLogHidesInput(t *testing.T) {
	for said, kind := range map[string]string{
		"http: Accept error: too many open files; retrying":                    "http: Accept error",
		"http: panic serving 203.0.113.5:4567: hunter2":                        "http: panic serving",
		"http2: server connection error from 203.0.113.5:4567: PROTOCOL_ERROR": "http2: server connection error",
		"http2: panic serving 203.0.113.5:4567: hunter2":                       "http2: panic serving",
		"something about 203.0.113.5 and hunter2":                              "other",
	} {
		var out bytes.Buffer
		log.New(server.NewErrorLog(slog.New(slog.NewTextHandler(&out, nil))), "", 0).Print(said)
		assert.Contains(t, out.String(), "msg=http_server_complaint")
		assert.Contains(t, out.String(), kind)
		assert.NotContains(t, out.String(), "203.0.113.5")
		assert.NotContains(t, out.String(), "hunter2")
	}
}

// TestClosesIdleConnection checks that the idle limit closes a connection, not the read limit.
func TestClosesIdleConnection(t *testing.T) {
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		server.Limits{Read: unreached, Idle: 50 * time.Millisecond, Connections: 10},
		server.Handshake{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	client := dial(t, srv)
	client.send(t, request)
	client.receiveResponse(t)
	_, err = client.ReadByte()
	assert.ErrorIs(t, err, io.EOF)
}

// TestDoesNotWaitForUnreadBody checks that the connection closes soon after the response, even if
// the read limit is an hour.
func TestDoesNotWaitForUnreadBody(t *testing.T) {
	routes := []server.Route{{Pattern: "/", Handle: ok}}
	handler := server.NewRouter(routes, clock.New(), &recordedTraffic{},
		slog.New(slog.DiscardHandler))
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler,
		server.Limits{Read: unreached, Idle: unreached, Connections: 10}, server.Handshake{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	client := dial(t, srv)
	client.send(t, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	assert.True(t, client.receiveResponse(t).Close)
	_, err = client.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	assert.Zero(t, shutdown(srv), "an answered request is not in progress")
}
