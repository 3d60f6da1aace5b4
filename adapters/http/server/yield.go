package server

import (
	"net"
	"net/http"
	"runtime"
)

// yieldAfter is after how many responses a connection yields that received each request by itself.
const yieldAfter = 8

// yield wraps follow so that a connection yields the processor after a response: each time if the
// next request came with the one before it, and otherwise after a few. A client that sends many
// requests at once always has the next one ready. Its connection would keep a processor for as long
// as the runtime allows, some ten milliseconds, and a few dozen such clients would make all others
// wait for a second. Other connections lose little, because their next request has seldom arrived
// yet.
func yield(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		if state == http.StateIdle && mayHaveNext(conn) {
			runtime.Gosched()
		}
	}
}

// mayHaveNext reports whether a connection that has sent a response yields. One of HTTP/2 does not:
// its frames wait for their turn; see paced.
func mayHaveNext(conn net.Conn) bool {
	if usesHTTP2(conn) {
		return false
	}
	var own *connection
	switch c := conn.(type) {
	case *connection:
		own = c
	case *secured:
		own = c.connection
	default:
		return true
	}
	pipelined := !own.fetched
	own.fetched = false
	own.responses++
	return pipelined || own.responses%yieldAfter == 0
}
