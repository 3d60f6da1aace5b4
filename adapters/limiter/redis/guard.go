package redis

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// errProtocol means that a server sent something that a Redis server would not: text that is not
// RESP, a reply larger than any of our commands has, or a reply without a command.
var errProtocol = errors.New("redis: the server violates the protocol")

// tlsAlert is the first byte by which a server that speaks only TLS rejects a command.
const tlsAlert = 0x15

// guard is a connection that closes itself when the server sends something that rueidis could not
// handle. rueidis trusts its server: it panics in a goroutine of its own at an unexpected reply,
// and allocates memory for any length that it reads, so that a few bytes would end the process.
// Therefore each reply is checked here, byte by byte, before rueidis sees its end. After a
// violation nothing passes in either direction, and all errors are the same.
//
// Nothing is read before something was written. A server that has too many clients sends an error
// as soon as it accepts a connection; this way the error is the reply to the first command.
type guard struct {
	net.Conn
	explain  func(error) error
	heard    atomic.Bool // the server has sent something
	once     sync.Once
	written  chan struct{}         // closed at the first write, or by Close
	broken   atomic.Pointer[error] // the error of every later call; nil before a violation
	commands commands              // used only by the writer
	replies  replies               // used only by the reader
	ledger   ledger
}

// guarded returns a guard of a connection. explain is called with an error that ends the connection
// before the first reply, and returns a better one.
func guarded(conn net.Conn, explain func(error) error) *guard {
	return &guard{Conn: conn, explain: explain, written: make(chan struct{})}
}

// start allows reading.
func (g *guard) start() { g.once.Do(func() { close(g.written) }) }

// Read implements net.Conn.
func (g *guard) Read(into []byte) (int, error) {
	<-g.written
	if broken := g.broken.Load(); broken != nil {
		return 0, *broken
	}
	n, err := g.Conn.Read(into)
	if n > 0 {
		if !g.heard.Swap(true) && into[0] == tlsAlert {
			return 0, g.breakOff(errOnlyTLS)
		}
	} else if err != nil && !g.heard.Load() {
		err = g.explain(err)
	}
	if fault := g.replies.follow(into[:n], &g.ledger); fault != nil {
		return 0, g.breakOff(fault)
	}
	return n, err
}

// breakOff closes the connection because of a violation, and returns err, the error of every later
// call.
func (g *guard) breakOff(err error) error {
	g.broken.Store(&err)
	_ = g.Close()
	return err
}

// Write implements net.Conn. Commands are in the ledger before the server receives them.
func (g *guard) Write(text []byte) (int, error) {
	g.commands.follow(text, &g.ledger)
	g.start()
	n, err := g.Conn.Write(text)
	broken := g.broken.Load()
	switch {
	case err == nil:
	case broken != nil:
		err = *broken
	case !g.heard.Load():
		err = g.explain(err)
	}
	return n, err
}

// Close implements net.Conn.
func (g *guard) Close() error {
	g.start()
	return g.Conn.Close()
}
