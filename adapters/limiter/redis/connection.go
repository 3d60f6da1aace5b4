package redis

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// connecting is the least time that a connection may take to come about, or to answer before it is given up. It is longer than a decision may
// take: who waits for one is not kept, but the connection comes about for those after him.
const connecting = time.Second

// How often the map of a Cluster, or the master by Sentinel, is looked at. A failover is told in other ways too, which can be missed.
const (
	clusterInterval  = time.Second
	sentinelInterval = 2 * time.Second
)

// gather is about how long a connection holds back what is asked while other answers are awaited, so that one write takes it all. A crowd of
// callers is answered sooner for it, a few wait some microseconds longer, and who asks alone never waits for it.
const gather = 20 * time.Microsecond

// connection is a client that comes about when it is first asked for, and again after each time that it could not.
type connection struct {
	option rueidis.ClientOption
	ended  chan struct{} // closed by close

	mu     sync.Mutex
	client rueidis.Client
	trying *try
	open   map[*tracked]struct{}
}

// connectionTo is a connection that has not begun.
func connectionTo(option rueidis.ClientOption) *connection {
	c := &connection{ended: make(chan struct{}), open: map[*tracked]struct{}{}}
	option.DialCtxFn = c.dial
	c.option = option
	return c
}

// try is one attempt to connect, which all who come meanwhile wait for.
type try struct {
	done   chan struct{}
	client rueidis.Client
	err    error
}

// closed tells whether close was called. The lock is held, so that nothing comes about behind its back.
func (c *connection) closed() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// get is the client, or the error of connecting, or of ctx where that ends first. The attempt then goes on for those who come later.
func (c *connection) get(ctx context.Context) (rueidis.Client, error) {
	c.mu.Lock()
	if c.closed() {
		c.mu.Unlock()
		return nil, rueidis.ErrClosing
	}
	if client := c.client; client != nil {
		c.mu.Unlock()
		return client, nil
	}
	if c.trying == nil {
		c.trying = &try{done: make(chan struct{})}
		go c.connect(c.trying)
	}
	trying := c.trying
	c.mu.Unlock()
	select {
	case <-trying.done:
		return trying.client, trying.err
	case <-c.ended:
		return nil, rueidis.ErrClosing
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *connection) connect(trying *try) {
	client, err := rueidis.NewClient(c.option)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.closed() {
		go client.Close()
		client, err = nil, rueidis.ErrClosing
	}
	if err == nil {
		c.client = client
	}
	trying.client, trying.err = client, err
	c.trying = nil
	close(trying.done)
}

// close cuts all that was connected, and lets nothing connect any more. So whoever still asks has his error at once, and the client
// has nobody to wait for. The end of ctx ends the wait for it.
func (c *connection) close(ctx context.Context) {
	c.mu.Lock()
	if !c.closed() {
		close(c.ended)
	}
	client, open := c.client, c.open
	c.client, c.open = nil, nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.guard.Close() // an error of what is given up
	}
	if client == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		client.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// tracked is a connection to one server that close knows of.
type tracked struct {
	*guard
	of *connection
}

// Close is net.Conn's.
func (t *tracked) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	return t.guard.Close()
}

// dial is rueidis's way to a server.
func (c *connection) dial(ctx context.Context, address string, dialer *net.Dialer,
	config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	conn, err := dial(ctx, address, dialer, config)
	if err != nil {
		return nil, err
	}
	t := &tracked{guard: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		_ = conn.Close()
		return nil, rueidis.ErrClosing
	}
	c.open[t] = struct{}{}
	return t, nil
}
