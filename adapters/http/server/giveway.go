package server

import (
	"net"
	"net/http"
	"runtime"
)

// giveWay wraps follow and yields the processor after each response. A client that sends many
// requests at once always has the next one ready, so its connection would keep a processor for as
// long as the runtime lets it, some ten milliseconds, and a few dozen such clients would delay all
// others by a second. For other clients it costs nothing: their next request has not arrived yet.
func giveWay(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		if state == http.StateIdle {
			runtime.Gosched()
		}
	}
}
