package server

import (
	"net"
	"net/http"
	"runtime"
)

// yield wraps follow so that a connection yields the processor after each response. A client that
// sends many requests at once always has the next one ready. Its connection would keep a processor
// for as long as the runtime allows, some ten milliseconds, and a few dozen such clients would make
// all others wait for a second. Other connections lose nothing, because their next request has not
// arrived yet.
func yield(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		if state == http.StateIdle {
			runtime.Gosched()
		}
	}
}
