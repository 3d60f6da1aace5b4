package redis

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"github.com/redis/rueidis"
)

// lease is a client from its creation until it is replaced. Once it is replaced, it is closed when
// nothing uses it any more, so that no decision fails because of a replacement. of.mu guards its
// fields.
type lease struct {
	of      *connection
	client  rueidis.Client
	users   int  // callers of get that have not called release
	open    int  // connections to servers
	retired bool // the client has been replaced
}

// newLease creates a client. If it replaces another, it first connects to every node that it knows,
// so that no decision waits for that.
func (c *connection) newLease(replacing bool) (*lease, error) {
	l := &lease{of: c}
	option := c.option
	option.DialCtxFn = l.dial
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, err
	}
	l.client = client
	if replacing {
		l.connectToAll()
	}
	return l, nil
}

// connectToAll sends a command to every node. The replies do not matter.
func (l *lease) connectToAll() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	var nodes sync.WaitGroup
	for _, node := range l.client.Nodes() {
		nodes.Go(func() { node.Do(ctx, node.B().Ping().Build()) })
	}
	nodes.Wait()
}

// release ends the use of a lease that get returned.
func (l *lease) release() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.users--
	l.closeUnused()
}

// retire closes the client as soon as it has no users. of.mu must be held.
func (l *lease) retire() {
	l.retired = true
	l.closeUnused()
}

// closeUnused closes a retired client without users. of.mu must be held.
func (l *lease) closeUnused() {
	if l.retired && l.users == 0 {
		go l.client.Close()
	}
}

// tracked is a connection to one server, registered so that close can close it.
type tracked struct {
	*guard
	once  sync.Once
	lease *lease
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.once.Do(func() {
		c := t.lease.of
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, t)
		t.lease.open--
	})
	return t.guard.Close()
}

// dial implements the DialCtxFn of rueidis.
func (l *lease) dial(ctx context.Context, address string, dialer *net.Dialer,
	config *tls.Config) (net.Conn, error) {
	c := l.of
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	conn, err := c.dialer.dial(ctx, address, dialer, config)
	if err != nil {
		return nil, err
	}
	t := &tracked{guard: conn, lease: l}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		_ = conn.Close()
		return nil, rueidis.ErrClosing
	}
	c.open[t] = struct{}{}
	l.open++
	return t, nil
}
