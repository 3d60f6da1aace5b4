package faults_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// disturbance is what a proxy does to the bytes that a server sends, on open and new connections.
// The zero value forwards them.
type disturbance struct {
	// delay is how much later bytes arrive.
	delay time.Duration
	// cutAfter closes a connection after so many bytes; 0 for never.
	cutAfter int
	// silent discards all bytes and keeps connections open.
	silent bool
	// reset resets every connection.
	reset bool
}

// proxy stands in front of a server. A change of its disturbance takes effect at once and never
// waits for a connection, however full it is.
type proxy struct {
	listener    net.Listener
	upstream    string
	disturbance atomic.Pointer[disturbance]
	closed      chan struct{}
	running     sync.WaitGroup

	mu    sync.Mutex // held for the map alone, never while bytes are sent
	links map[*link]struct{}
}

// link is one connection of a client and its counterpart to the server.
type link struct {
	proxy          *proxy
	client, server net.Conn
	ended          chan struct{}
	end            sync.Once
	// damaged is set once bytes were lost: the link is useless after the disturbance has ended.
	damaged atomic.Bool
}

// chunk is a part of what the server sent, and when it may arrive.
type chunk struct {
	bytes []byte
	due   time.Time
}

func startProxy(t testing.TB, upstream string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, upstream: upstream, closed: make(chan struct{}),
		links: map[*link]struct{}{}}
	p.disturbance.Store(&disturbance{})
	p.running.Go(p.accept)
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) stop() {
	close(p.closed)
	_ = p.listener.Close()
	p.closeLinks(func(*link) bool { return true })
	p.running.Wait()
}

// disturb makes d act on all connections, including open ones.
func (p *proxy) disturb(d disturbance) {
	p.disturbance.Store(&d)
	if d.reset {
		p.closeLinks(func(*link) bool { return true })
	}
}

// heal ends the disturbance. Connections that lost bytes are closed; the others go on.
func (p *proxy) heal() {
	p.disturbance.Store(&disturbance{})
	p.closeLinks(func(l *link) bool { return l.damaged.Load() })
}

func (p *proxy) closeLinks(which func(*link) bool) {
	p.mu.Lock()
	var chosen []*link
	for l := range p.links {
		if which(l) {
			chosen = append(chosen, l)
		}
	}
	p.mu.Unlock()
	for _, l := range chosen {
		l.close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		l := &link{proxy: p, client: client, ended: make(chan struct{})}
		if p.disturbance.Load().reset || !l.connect() {
			l.close()
			continue
		}
		p.mu.Lock()
		p.links[l] = struct{}{}
		p.mu.Unlock()
		arriving := make(chan chunk, 4096)
		p.running.Go(l.forwardToServer)
		p.running.Go(func() { l.receive(arriving) })
		p.running.Go(func() { l.deliver(arriving) })
		select {
		case <-p.closed: // stop may have closed the links before this one was among them
			l.close()
		default:
		}
	}
}

func (l *link) connect() bool {
	server, err := net.DialTimeout("tcp", l.proxy.upstream, 10*time.Second)
	l.server = server
	return err == nil
}

// close ends both connections; the client's is reset if the disturbance says so.
func (l *link) close() {
	l.end.Do(func() {
		close(l.ended)
		if tcp, ok := l.client.(*net.TCPConn); ok && l.proxy.disturbance.Load().reset {
			_ = tcp.SetLinger(0)
		}
		_ = l.client.Close()
		if l.server != nil {
			_ = l.server.Close()
		}
		l.proxy.mu.Lock()
		delete(l.proxy.links, l)
		l.proxy.mu.Unlock()
	})
}

func (l *link) forwardToServer() {
	defer l.close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			return
		}
		if _, err = l.server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// receive reads from the server and notes when the bytes may arrive.
func (l *link) receive(arriving chan<- chunk) {
	defer close(arriving)
	for {
		buffer := make([]byte, 32<<10)
		n, err := l.server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case arriving <- chunk{buffer[:n], time.Now().Add(l.proxy.disturbance.Load().delay)}:
		case <-l.ended:
			return
		}
	}
}

// deliver sends the bytes to the client when they are due, or disturbs them.
func (l *link) deliver(arriving <-chan chunk) {
	defer l.close()
	var acting *disturbance
	sent := 0 // since acting began
	for c := range arriving {
		if wait := time.Until(c.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.ended:
				return
			}
		}
		if now := l.proxy.disturbance.Load(); now != acting {
			acting, sent = now, 0
		}
		if acting.silent {
			l.damaged.Store(true)
			continue
		}
		cut := acting.cutAfter > 0 && sent+len(c.bytes) > acting.cutAfter
		if cut {
			c.bytes = c.bytes[:acting.cutAfter-sent]
		}
		sent += len(c.bytes)
		if _, err := l.client.Write(c.bytes); err != nil || cut {
			return
		}
	}
}
