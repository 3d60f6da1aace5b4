package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// errProtocol means that a server sent something that a Redis server would not: text that is not
// RESP, more of it than any of our commands asks for, or a reply without a command.
var errProtocol = errors.New("redis: the server violates the protocol")

// guard is a connection that closes itself when the server sends something that rueidis could not
// handle. rueidis trusts its server: it panics in a goroutine of its own at an unexpected reply,
// and allocates memory for any length that it reads, so that a few bytes would end the process.
// Therefore each reply is checked here, byte by byte, before rueidis sees its end. After a
// violation nothing passes in either direction, and all errors are errProtocol.
//
// Nothing is read before something was written. A server that has too many clients sends an error
// as soon as it accepts a connection; this way the error is the reply to the first command.
type guard struct {
	net.Conn
	once     sync.Once
	written  chan struct{} // closed at the first write, or by Close
	broken   atomic.Bool
	commands commands // used only by the writer
	replies  replies  // used only by the reader
	ledger   ledger
}

// dial connects as rueidis would.
func dial(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config,
) (*guard, error) {
	dial := dialer.DialContext
	if config != nil {
		dial = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return guarded(conn), nil
}

func guarded(conn net.Conn) *guard { return &guard{Conn: conn, written: make(chan struct{})} }

func (g *guard) start() { g.once.Do(func() { close(g.written) }) }

// Read implements net.Conn.
func (g *guard) Read(into []byte) (int, error) {
	<-g.written
	if g.broken.Load() {
		return 0, errProtocol
	}
	n, err := g.Conn.Read(into)
	if fault := g.replies.follow(into[:n], &g.ledger); fault != nil {
		g.broken.Store(true)
		_ = g.Close()
		return 0, fault
	}
	return n, err
}

// Write implements net.Conn. Commands are in the ledger before the server receives them.
func (g *guard) Write(text []byte) (int, error) {
	g.commands.follow(text, &g.ledger)
	g.start()
	n, err := g.Conn.Write(text)
	if err != nil && g.broken.Load() {
		err = errProtocol
	}
	return n, err
}

// Close implements net.Conn.
func (g *guard) Close() error {
	g.start()
	return g.Conn.Close()
}
