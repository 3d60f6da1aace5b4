package redis

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// quiet is a connection from which nothing is read until something was written. A server that has as many clients as it allows, or that lets none in
// from elsewhere, says so as soon as it is connected to, unasked. Where the caller has gone away meanwhile, rueidis asks nothing but to close: it takes
// what it then reads for a bug in the protocol and panics, which would end the process. Behind this it is the answer to its first question.
type quiet struct {
	net.Conn
	once  sync.Once
	asked chan struct{} // closed at the first write, or at the end
}

// dialQuiet connects as rueidis would.
func dialQuiet(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	dial := dialer.DialContext
	if config != nil {
		dial = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &quiet{Conn: conn, asked: make(chan struct{})}, nil
}

func (q *quiet) ask() { q.once.Do(func() { close(q.asked) }) }

// Read is net.Conn's.
func (q *quiet) Read(into []byte) (int, error) {
	<-q.asked
	return q.Conn.Read(into)
}

// Write is net.Conn's.
func (q *quiet) Write(text []byte) (int, error) {
	q.ask()
	return q.Conn.Write(text)
}

// Close is net.Conn's.
func (q *quiet) Close() error {
	q.ask()
	return q.Conn.Close()
}
