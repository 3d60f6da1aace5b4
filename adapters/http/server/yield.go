package server

import (
	"net"
	"net/http"
	"runtime"
)

// yieldAfter is the number of responses after which a connection without pipelining yields.
const yieldAfter = 8

// yield wraps follow so that a connection yields the processor after a response: after each one if
// the client pipelines, and otherwise after every eighth. A client that sends many requests at once
// always has the next one ready. Its connection would keep a processor for as long as the runtime
// allows, some ten milliseconds, and a few dozen such clients would make all others wait for a
// second. Other connections lose little, because their next request has seldom arrived yet.
func yield(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		if state == http.StateIdle && countResponse(conn) {
			runtime.Gosched()
		}
	}
}

// countResponse counts a response that has been sent, and reports whether its connection is to
// yield. An HTTP/2 connection never is: its frames wait for their turn; see paced.
func countResponse(conn net.Conn) (yields bool) {
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
