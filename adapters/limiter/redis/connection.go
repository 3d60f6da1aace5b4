package redis

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// connecting is the minimum time that a connection gets to come about, or to answer, before it is
// given up. It is longer than a decision may take: a caller does not wait for it, but later callers
// get the connection.
const connecting = time.Second

// How often the map of a Cluster, or the master that Sentinel knows, is refreshed. A failover is
// announced in other ways too, but announcements can be missed.
const (
	clusterInterval  = time.Second
	sentinelInterval = 2 * time.Second
)

// gather is about how long a connection holds back commands while it waits for other replies, so
// that one write carries several. Under load callers get their replies sooner, a few of them wait
// some microseconds longer, and a single caller never waits for it.
const gather = 20 * time.Microsecond

// connection holds a client that is created when it is first needed, and again after each failed
// attempt.
type connection struct {
	option rueidis.ClientOption
	ended  chan struct{} // closed by close

	mu     sync.Mutex
	client rueidis.Client
	trying *try
	open   map[*tracked]struct{}
}

// connectionTo returns a connection that has not connected yet.
func connectionTo(option rueidis.ClientOption) *connection {
	c := &connection{ended: make(chan struct{}), open: map[*tracked]struct{}{}}
	option.DialCtxFn = c.dial
	c.option = option
	return c
}

// try is one attempt to connect, shared by all callers that arrive during it.
type try struct {
	done   chan struct{}
	client rueidis.Client
	err    error
}

// closed reports whether close was called. The caller holds the lock, so that nothing connects
// after it.
func (c *connection) closed() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// get returns the client, the error of the attempt to connect, or the error of ctx if that ends
// first. In that case the attempt continues, for later callers.
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

// close closes all connections and prevents new ones. Decisions under way fail at once, so that the
// client has nothing to wait for. The end of ctx ends the wait for the client.
func (c *connection) close(ctx context.Context) {
	c.mu.Lock()
	if !c.closed() {
		close(c.ended)
	}
	client, open := c.client, c.open
	c.client, c.open = nil, nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.guard.Close() // the connection is given up anyway
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

// tracked is a connection to one server, registered so that close can close it.
type tracked struct {
	*guard
	of *connection
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	return t.guard.Close()
}

// dial implements the DialCtxFn of rueidis.
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
