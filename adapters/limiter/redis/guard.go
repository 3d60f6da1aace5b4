package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// errProtocol is a reply that no server sends to our commands: text that is not RESP, more of it
// than we ask for, or a reply without a command.
var errProtocol = errors.New("redis: what the server says breaks the protocol")

// guard is a connection that fails when its server sends what rueidis could not handle. rueidis
// trusts a server: it panics in a goroutine of its own on an unexpected reply, and allocates
// whatever length it is told. A few bytes would end the process. So each reply is measured here,
// byte by byte, before rueidis sees its end. After a fault nothing passes in either direction, and
// all errors are errProtocol.
//
// Nothing is read before something was written. A server at its limit of clients says so as soon as
// it is connected to; so that counts as the reply to the first command.
type guard struct {
	net.Conn
	once     sync.Once
	asked    chan struct{} // closed at the first write, or at the end
	broken   atomic.Bool
	commands commands // used by the writer only
	replies  replies  // used by the reader only
	ledger   ledger
}

// dial connects as rueidis would.
func dial(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (*guard,
	error) {
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

func guarded(conn net.Conn) *guard { return &guard{Conn: conn, asked: make(chan struct{})} }

func (g *guard) ask() { g.once.Do(func() { close(g.asked) }) }

// Read implements net.Conn.
func (g *guard) Read(into []byte) (int, error) {
	<-g.asked
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

// Write implements net.Conn. A command is in the ledger before the server receives it.
func (g *guard) Write(text []byte) (int, error) {
	g.commands.follow(text, &g.ledger)
	g.ask()
	n, err := g.Conn.Write(text)
	if err != nil && g.broken.Load() {
		err = errProtocol
	}
	return n, err
}

// Close implements net.Conn.
func (g *guard) Close() error {
	g.ask()
	return g.Conn.Close()
}
