package server

import (
	"crypto/tls"
	"net"
	"net/http"
)

// maxFrame is the maximum size of an HTTP/2 frame in bytes, the smallest that RFC 9113 §4.2
// allows. net/http allocates the frame's size as soon as the frame header has arrived, and keeps
// the buffer for as long as the connection. Its own default is one mebibyte.
const maxFrame = 16 << 10

// These are the maximum numbers of body bytes that wait to be read, per stream and per connection.
// Bodies are small here.
const (
	maxStreamWaiting     = 64 << 10
	maxConnectionWaiting = 256 << 10
)

// A stream costs a goroutine and buffers, whatever is sent on it, so the streams of all connections
// must be bounded. The number of a connection is fixed when it begins to speak HTTP/2, and the more
// connections do, the fewer streams a new one gets. Beyond the last tier it gets none, and must
// speak HTTP/1.1.
//
// As a connection counts for as long as it is open, there are never more than 32 with 32 streams,
// 480 with 4 and 1536 with 2: 6016 streams. With three times as many, others waited three times as
// long while floods of streams were opened.
var streamTiers = []struct{ connections, streams int }{{32, 32}, {512, 4}, {2048, 2}}

// proxyStreams is the number of streams of a trusted proxy, which carries many clients on each of
// its connections. It is the lowest that RFC 9113 §6.5.2 recommends.
const proxyStreams = 100

// speakHTTP2 returns the number of streams of the connection, or 0 if it must speak HTTP/1.1. It is
// called at the latest when HTTP/2 begins, and returns the same each time.
func (sl *slot) speakHTTP2() (streams int) {
	s := sl.slots
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case sl.streams > 0 || sl.gone || s.noHTTP2:
		return sl.streams
	case sl.exempt():
		sl.streams = proxyStreams
		return sl.streams
	}
	for _, tier := range streamTiers {
		if s.http2 < tier.connections {
			s.http2++
			sl.countsHTTP2 = true
			sl.streams = tier.streams
			break
		}
	}
	return sl.streams
}

// http2Servers hold the settings of HTTP/2 connections. net/http fixes the number of streams for
// each http.Server, so there is one for each number. None of them serves: the server that accepted
// a connection hands it over together with the one whose settings apply.
type http2Servers struct {
	// owner is the server that HTTP/2 belongs to; see newHTTP2Owner.
	owner *http.Server
	// byStreams holds the servers by their number of streams.
	byStreams map[int]*http.Server
	// turns are those of all connections; see newPaced.
	turns turns
	// pass has owner serve a connection whose preface has been read; nil if HTTP/2 is off.
	pass func(settings *http.Server, conn *tls.Conn, handler http.Handler)
}

// newHTTP2Servers makes the HTTP/2 part of server, whose connections have slots, speak with as many
// streams as each connection may have. headerBytes is the maximum size of a request's headers.
func newHTTP2Servers(server *http.Server, headerBytes int) *http2Servers {
	h := &http2Servers{owner: newHTTP2Owner(server), byStreams: map[int]*http.Server{},
		turns: newTurns()}
	add := func(streams int) {
		h.byStreams[streams] = &http.Server{
			Handler: server.Handler, ReadTimeout: server.ReadTimeout,
			WriteTimeout: server.WriteTimeout, IdleTimeout: server.IdleTimeout,
			MaxHeaderBytes: headerBytes, ErrorLog: server.ErrorLog, Protocols: server.Protocols,
			ConnState: func(conn net.Conn, state http.ConnState) {
				server.ConnState(received(conn), state)
			},
			HTTP2: &http.HTTP2Config{
				MaxConcurrentStreams:          streams,
				MaxReadFrameSize:              maxFrame,
				MaxReceiveBufferPerStream:     maxStreamWaiting,
				MaxReceiveBufferPerConnection: maxConnectionWaiting,
				// a stream's deadline does not interrupt a blocked write to the socket
				WriteByteTimeout: writeTimeout,
			},
		}
	}
	add(proxyStreams)
	for _, tier := range streamTiers {
		add(tier.streams)
	}
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	if h.pass = h.owner.TLSNextProto[protocolUnencrypted]; h.pass == nil {
		return h // HTTP/2 is turned off by GODEBUG
	}
	server.TLSNextProto[protocolUnencrypted] = func(_ *http.Server, conn *tls.Conn,
		handler http.Handler) {
		h.serve(unencrypted(conn), handler)
	}
	server.TLSNextProto[protocolHTTP2] = func(_ *http.Server, conn *tls.Conn,
		handler http.Handler) {
		if readPreface(conn, server.ReadTimeout) {
			h.serve(conn, handler)
		}
	}
	return h
}

// newHTTP2Owner makes the HTTP/2 part of server belong to a second http.Server, which never serves
// anything. Shutdown tells HTTP/2 clients to send no new requests, and it closes idle HTTP/1
// connections. The former must happen at once and the latter must not, so each part needs a
// Shutdown of its own. net/http does not document this behaviour, nor that the settings of a
// connection are those of the http.Server that TLSNextProto is given, so
// TestHTTP2BelongsToSecondServer and TestStreamsByOpenConnections check it.
func newHTTP2Owner(server *http.Server) *http.Server {
	owner := &http.Server{Protocols: server.Protocols, IdleTimeout: server.IdleTimeout,
		ReadTimeout: server.ReadTimeout}
	_ = owner.Serve(closedListener{}) // called only for the HTTP/2 setup that it does on the way
	return owner
}

// closedListener is a listener that never accepts a connection.
type closedListener struct{ net.Listener }

// Accept implements net.Listener.
func (closedListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close implements net.Listener.
func (closedListener) Close() error { return nil }
