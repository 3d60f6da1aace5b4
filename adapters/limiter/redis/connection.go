package redis

import (
	"context"
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

// When connections are replaced. A name may come to lead to another server while the old one keeps
// its connections and even answers: after a failover, or because an address moved.
const (
	// A client's connections live between minLife and maxLife, so that replicas spread out. With
	// the time that it takes to connect, no connection lives longer than five minutes.
	minLife = 150 * time.Second
	maxLife = 290 * time.Second
	// lifeRetry is the pause after an attempt to replace a client that failed. The old client stays
	// in use meanwhile.
	lifeRetry = 5 * time.Second
	// failureRest is the minimum time between two replacements because of failures.
	failureRest = 500 * time.Millisecond
)

// connection holds a client that is created when it is first needed, again after each failed
// attempt, and replaced when it fails or has lived long enough. While an attempt to replace a
// client is under way, the old one stays in use.
type connection struct {
	option rueidis.ClientOption
	dialer dialer
	draw   func() float64
	// after calls a function once, after a time, unless it is stopped before.
	after func(time.Duration, func()) (stop func() bool)
	ended chan struct{} // closed by close

	mu      sync.Mutex
	current *lease
	trying  *try
	open    map[*tracked]struct{}
	life    func() bool // stops the timer that replaces the client
	resting bool        // a replacement because of a failure was not long ago
	// onReplaced is called after each replacement, unless it is nil. It must not block.
	onReplaced func()
}

// connectionTo returns a connection that has not connected yet.
func connectionTo(server Server) *connection {
	return &connection{
		option: server.URL.option(server.Timeout), dialer: server.URL.dialer(), draw: server.Draw,
		ended: make(chan struct{}), open: map[*tracked]struct{}{},
		after: func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
		life:  func() bool { return true },
	}
}

// try is one attempt to connect, shared by all callers that arrive during it.
type try struct {
	done chan struct{}
	err  error
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
// first. In that case the attempt continues, for later callers. The caller must release the lease.
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

// failed replaces the client after a failed decision, unless the failure says nothing about it. The
// server that answered with an error may no longer be the one that the name leads to.
func (c *connection) failed(l *lease, failure *UnavailableError) {
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

// watch sets what is called after each replacement.
func (c *connection) watch(onReplaced func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onReplaced = onReplaced
}

// replace replaces the client, whose life is over.
func (c *connection) replace() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.try()
}

// try starts an attempt to connect, unless one is under way. The caller holds the lock.
func (c *connection) try() {
	if c.trying != nil || c.closed() {
		return
	}
	c.trying = &try{done: make(chan struct{})}
	go c.connect(c.trying, c.current != nil)
}

// connect makes one attempt to connect.
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
	c.life()
	switch {
	case err == nil:
		if old := c.current; old != nil {
			old.retire()
			if c.onReplaced != nil {
				c.onReplaced()
			}
		}
		c.current = l
		c.life = c.after(minLife+time.Duration(c.draw()*float64(maxLife-minLife)), c.replace)
	case c.current != nil:
		c.life = c.after(lifeRetry, c.replace)
	}
}

// close closes all connections and prevents new ones. Decisions under way fail at once, so that the
// client has nothing to wait for. The end of ctx ends the wait for the client.
func (c *connection) close(ctx context.Context) {
	c.mu.Lock()
	if !c.closed() {
		close(c.ended)
	}
	c.life()
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
