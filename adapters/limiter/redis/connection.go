package redis

import (
	"context"
	"net/url"
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

// parse makes rueidis's option of a URL. Nothing of the URL is ever in the error.
func parse(text string, timeout time.Duration) (rueidis.ClientOption, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return rueidis.ClientOption{}, &URLError{Fault: NotAURL}
	}
	if parsed.Scheme != "redis" && parsed.Scheme != "rediss" {
		return rueidis.ClientOption{}, &URLError{Fault: WrongScheme}
	}
	option, err := rueidis.ParseURL(text)
	if err != nil {
		return rueidis.ClientOption{}, &URLError{Fault: WrongPart}
	}
	patience := max(connecting, timeout)
	if option.Dialer.Timeout <= 0 {
		option.Dialer.Timeout = patience
	}
	if option.ConnWriteTimeout <= 0 {
		option.ConnWriteTimeout = patience
	}
	option.DialCtxFn = dialQuiet
	option.DisableCache = true // nothing is read that could be kept here
	option.DisableRetry = true // the deadline is ours, and a grant is not to be taken twice
	option.PipelineMultiplex = -1
	option.MaxFlushDelay = gather
	option.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: clusterInterval, MaxMovedRedirections: 3}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TopologyRefreshInterval = sentinelInterval
		option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
		if option.Username == "" { // a password without a user is the installation's, a user's is the server's alone
			option.Sentinel.Password = option.Password
		}
	}
	return option, nil
}

// connection is a client that comes about when it is first asked for, and again after each time that it could not.
type connection struct {
	option rueidis.ClientOption

	mu     sync.Mutex
	client rueidis.Client
	trying *try
	closed bool
}

// try is one attempt to connect, which all who come meanwhile wait for.
type try struct {
	done   chan struct{}
	client rueidis.Client
	err    error
}

// get is the client, or the error of connecting, or of ctx where that ends first. The attempt then goes on for those who come later.
func (c *connection) get(ctx context.Context) (rueidis.Client, error) {
	c.mu.Lock()
	if c.client != nil || c.closed {
		client := c.client
		c.mu.Unlock()
		if client == nil {
			return nil, rueidis.ErrClosing
		}
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
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *connection) connect(trying *try) {
	client, err := rueidis.NewClient(c.option)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.client = client
	}
	trying.client, trying.err = client, err
	c.trying = nil
	close(trying.done)
}

func (c *connection) close() {
	c.mu.Lock()
	c.closed = true
	trying := c.trying
	c.mu.Unlock()
	if trying != nil {
		<-trying.done
	}
	c.mu.Lock()
	client := c.client
	c.client = nil
	c.mu.Unlock()
	if client != nil {
		client.Close()
	}
}
