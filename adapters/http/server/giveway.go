package server

import (
	"net"
	"net/http"
	"runtime"
)

// giveWay is follow, and has a connection stand in line again after each answer. Whoever sends many requests at once always has the next one ready, so that his
// connection would keep a processor for as long as the runtime lets it, some ten milliseconds, and a few dozen of his kind all others waiting for a second. For
// the rest it is free: their next request is not there yet.
func giveWay(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		if state == http.StateIdle {
			runtime.Gosched()
		}
	}
}
