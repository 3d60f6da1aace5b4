package faults_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// proxy forwards TCP connections to a server, and does to the server's replies what networks do.
//
// The network's condition is one atomic value that every connection reads before it forwards
// something. Changing it therefore never waits for a connection, however full its buffers are.
type proxy struct {
	listener net.Listener
	upstream atomic.Pointer[string]
	current  atomic.Pointer[condition]
	running  sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]struct{}
	stopped bool
}

// network is how the network treats the server's replies. The zero value forwards them unchanged.
type network struct {
	// delay is how long after its arrival each reply is forwarded.
	delay time.Duration
	// discard loses all replies. A connection that lost some is useless: it is closed as soon as
	// the condition changes.
	discard bool
	// reset resets a connection at its next reply.
	reset bool
	// cutAfter closes a connection after so many more bytes of replies, where it is above 0.
	cutAfter int
}

// condition is a network in force until replaced is closed.
type condition struct {
	network
	replaced chan struct{}
}

// link is one client's connection and the proxy's own connection to the server.
type link struct {
	proxy          *proxy
	client, server *net.TCPConn
	replies        chan reply
	closing        sync.Once
	closed         chan struct{}
	lost           atomic.Bool // a reply was discarded

	cutBy     *condition // the condition to which forwarded belongs
	forwarded int        // bytes forwarded under it
}

// reply is a part of what the server sent, in one read.
type reply struct {
	text    []byte
	arrived time.Time
}

// maxReplies bounds what a link keeps in order; behind it the server's own connection fills.
const maxReplies = 4096

func startProxy(t testing.TB, upstream string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, links: map[*link]struct{}{}}
	p.upstream.Store(&upstream)
	p.current.Store(&condition{replaced: make(chan struct{})})
	p.running.Go(p.accept)
	t.Cleanup(func() { p.stop(t) })
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// leadTo makes new connections lead to another server, as a name or a virtual IP does that has
// moved. Open connections stay as they are.
func (p *proxy) leadTo(upstream string) { p.upstream.Store(&upstream) }

// set puts a network's condition into force, for open connections too. It does not block.
func (p *proxy) set(n network) {
	next := &condition{network: n, replaced: make(chan struct{})}
	close(p.current.Swap(next).replaced)
}

// heal makes the network well again, and waits until the connections that lost replies are closed.
func (p *proxy) heal(t testing.TB) {
	t.Helper()
	p.set(network{})
	p.mu.Lock()
	var lossy []*link
	for l := range p.links {
		if l.lost.Load() {
			lossy = append(lossy, l)
		}
	}
	p.mu.Unlock()
	deadline := time.After(harness.Timeout)
	for _, l := range lossy {
		select {
		case <-l.closed:
		case <-deadline:
			require.Fail(t, "timed out waiting for the proxy to close a connection")
		}
	}
}

func (p *proxy) stop(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	p.stopped = true
	links := p.links
	p.links = nil
	p.mu.Unlock()
	_ = p.listener.Close()
	for l := range links {
		l.close()
	}
	awaitReturn(t, "the proxy's connections to end", p.running.Wait)
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.open(client.(*net.TCPConn)) })
	}
}

// open connects a client to the server. Where the server does not accept, the client is closed.
func (p *proxy) open(client *net.TCPConn) {
	server, err := net.DialTimeout("tcp", *p.upstream.Load(), harness.Timeout)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{
		proxy: p, client: client, server: server.(*net.TCPConn),
		replies: make(chan reply, maxReplies), closed: make(chan struct{}),
	}
	p.mu.Lock()
	stopped := p.stopped
	if !stopped {
		p.links[l] = struct{}{}
	}
	p.mu.Unlock()
	if stopped {
		l.close()
		return
	}
	p.running.Go(func() {
		_, _ = io.Copy(l.server, l.client) // an error ends the link, as the client's end does
		l.close()
	})
	p.running.Go(l.receive)
	l.forwardAll()
}

// close ends both connections. It may be called more than once.
func (l *link) close() {
	l.closing.Do(func() {
		_ = l.client.Close()
		_ = l.server.Close()
		close(l.closed)
		l.proxy.mu.Lock()
		delete(l.proxy.links, l)
		l.proxy.mu.Unlock()
	})
}

// receive queues the server's replies until it sends no more.
func (l *link) receive() {
	defer close(l.replies)
	for {
		buffer := make([]byte, 32<<10)
		n, err := l.server.Read(buffer)
		if n > 0 {
			select {
			case l.replies <- reply{buffer[:n], time.Now()}:
			case <-l.closed:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// forwardAll forwards replies until there are no more, or the network ends the connection.
func (l *link) forwardAll() {
	defer l.close()
	for r := range l.replies {
		if !l.forward(r) {
			return
		}
	}
}

// forward applies the condition of the network to one reply, and reports whether the connection
// stays open.
func (l *link) forward(r reply) bool {
	for {
		c := l.proxy.current.Load()
		switch wait := time.Until(r.arrived.Add(c.delay)); {
		case c.discard:
			l.lost.Store(true)
			select {
			case <-c.replaced:
			case <-l.closed:
			}
			return false
		case c.reset:
			_ = l.client.SetLinger(0)
			return false
		case c.cutAfter > 0:
			if l.cutBy != c {
				l.cutBy, l.forwarded = c, 0
			}
			n, err := l.client.Write(r.text[:min(len(r.text), c.cutAfter-l.forwarded)])
			l.forwarded += n
			return err == nil && l.forwarded < c.cutAfter
		case c.delay > 0 && wait > 0:
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-c.replaced:
			case <-l.closed:
				timer.Stop()
				return false
			}
			timer.Stop()
		default:
			_, err := l.client.Write(r.text)
			return err == nil
		}
	}
}
