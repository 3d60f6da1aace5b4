package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// connectTimeout is the minimum timeout for establishing a connection, and for a reply on one. It
// is longer than a decision may take: the caller does not wait for the connection, but later
// callers get it.
const connectTimeout = time.Second

// The intervals at which the map of a Cluster, and the master that Sentinels name, are refreshed. A
// failover is announced in other ways too, but announcements can be missed.
const (
	clusterInterval  = time.Second
	sentinelInterval = 2 * time.Second
)

// flushDelay is about how long a connection with outstanding replies holds back commands, so that
// one write carries several. Under load most callers get their replies sooner, and a few wait some
// microseconds longer. A single caller never waits for it.
const flushDelay = 20 * time.Microsecond

// Times after which connections are replaced. A name may come to resolve to another server while
// the old one keeps its connections and even answers: after a failover, or because an address
// moved.
const (
	// A client is replaced after a time between minLife and maxLife, so that replicas spread out.
	// Including the time that it takes to connect, no connection lives longer than five minutes.
	minLife = 150 * time.Second
	maxLife = 290 * time.Second
	// lifeRetry is the pause after an attempt to replace a client that failed. The old client stays
	// in use meanwhile.
	lifeRetry = 5 * time.Second
	// failureRest is the minimum time between two replacements because of failures.
	failureRest = 500 * time.Millisecond
)

// connection holds a client. It creates the client when it is first needed, tries again at the next
// decision if that failed, and replaces a client that fails or has lived long enough. While an
// attempt to replace a client is under way, the old one stays in use.
type connection struct {
	option rueidis.ClientOption
	dialer dialer
	draw   func() float64
	// after calls a function once, after a time, unless it is stopped before; time.AfterFunc except
	// in tests.
	after func(time.Duration, func()) (stop func() bool)
	ended chan struct{} // closed by close

	mu         sync.Mutex
	current    *lease
	trying     *try // the attempt under way, if any
	open       map[*tracked]struct{}
	stopLife   func() bool // stops the timer that replaces the client
	resting    bool        // the last replacement because of a failure is less than failureRest ago
	onReplaced func()      // called after each replacement, unless it is nil
}

// connectionTo returns a connection that has not connected yet.
func connectionTo(server Server) *connection {
	return &connection{
		option: server.URL.option(server.Timeout), dialer: server.URL.dialer(), draw: server.Draw,
		ended: make(chan struct{}), open: map[*tracked]struct{}{},
		after:    func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
		stopLife: func() bool { return true },
	}
}

// try is one attempt to connect, shared by all callers that arrive during it.
type try struct {
	done chan struct{}
	err  error
}

// closed reports whether close was called. mu must be held, so that nothing connects after close.
func (c *connection) closed() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// get returns a lease of the client, which the caller must release. It fails with the error of the
// attempt to connect, or with that of ctx if it is done first: then the attempt continues, for
// later callers.
func (c *connection) get(ctx context.Context) (*lease, error) {
	c.mu.Lock()
	if c.closed() {
		c.mu.Unlock()
		return nil, rueidis.ErrClosing
	}
	if l := c.current; l != nil {
		l.users++
		c.mu.Unlock()
		return l, nil
	}
	c.try()
	trying := c.trying
	c.mu.Unlock()
	select {
	case <-trying.done:
		if trying.err != nil {
			return nil, trying.err
		}
		return c.get(ctx)
	case <-c.ended:
		return nil, rueidis.ErrClosing
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reportFailure replaces the client after a failed decision, unless the failure says nothing about
// the server. A server that answered with an error may no longer be the one that the name resolves
// to.
func (c *connection) reportFailure(l *lease, failure *UnavailableError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch failure.Reason {
	case Canceled:
		return
	case TimedOut:
		// rueidis connects within the time of a decision, which may never be enough.
		if l.open > 0 {
			return
		}
	case Unreachable, Refused, Unintelligible:
	}
	if c.resting || c.current != l {
		return
	}
	c.resting = true
	c.after(failureRest, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.resting = false
	})
	c.try()
}

// notifyReplaced sets the function that is called after each replacement. It must not block.
func (c *connection) notifyReplaced(onReplaced func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onReplaced = onReplaced
}

// replace replaces the client, which has lived long enough.
func (c *connection) replace() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.try()
}

// try starts an attempt to connect, unless one is under way. mu must be held.
func (c *connection) try() {
	if c.trying != nil || c.closed() {
		return
	}
	c.trying = &try{done: make(chan struct{})}
	go c.connect(c.trying, c.current != nil)
}

// connect makes one attempt to connect. replacing reports whether there is a client already.
func (c *connection) connect(trying *try, replacing bool) {
	l, err := c.newLease(replacing)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.closed() {
		go l.client.Close()
		err = rueidis.ErrClosing
	}
	c.trying = nil
	trying.err = err
	defer close(trying.done)
	if c.closed() {
		return
	}
	c.stopLife()
	switch {
	case err == nil:
		if old := c.current; old != nil {
			old.retire()
			if c.onReplaced != nil {
				c.onReplaced()
			}
		}
		c.current = l
		c.stopLife = c.after(minLife+time.Duration(c.draw()*float64(maxLife-minLife)), c.replace)
	case c.current != nil:
		c.stopLife = c.after(lifeRetry, c.replace)
	}
}

// close closes all connections and prevents new ones. Decisions under way fail at once, so that the
// client has nothing to wait for. close waits until the client is closed, or ctx is done.
func (c *connection) close(ctx context.Context) {
	c.mu.Lock()
	if !c.closed() {
		close(c.ended)
	}
	c.stopLife()
	l, open := c.current, c.open
	c.current, c.open = nil, nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.guard.Close() // the connection is given up anyway
	}
	if l == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		l.client.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
