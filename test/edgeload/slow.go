package main

import (
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// These are the service's own limits at their defaults: ten seconds to read a request, one more
// second for a body that is not read, and ten seconds beyond the read limit to send a response.
const (
	readWithin  = 10 * time.Second
	drainWithin = time.Second
	writeWithin = 20 * time.Second
	// arriveWithin is the time over which the slow clients connect.
	arriveWithin = 5 * time.Second
	// grace is what a busy machine may add to each deadline.
	grace = time.Second
)

// slowness is one way to be slow, with the results of the clients that used it.
type slowness struct {
	name    string
	clients int
	// deadline is the latest time, after connecting, at which the service closes the connection.
	deadline time.Duration
	// behave is slow on conn until the service closes it.
	behave func(conn net.Conn)
	narrow bool

	letGo, late int
	latest      time.Duration
}

// crowd is the set of all slow clients.
type crowd struct {
	kinds []*slowness
	ended chan struct{}
	all   sync.WaitGroup
	mu    sync.Mutex // guards the results and open
	open  map[net.Conn]struct{}
}

// beginSlow starts five hundred slow clients, which reconnect whenever they are disconnected.
func beginSlow(address string) *crowd {
	return begin(address, []*slowness{
		{name: "headers byte by byte", clients: 250, deadline: readWithin,
			behave: dribble("", "GET /v1/health HTTP/1.1\r\nHost: x\r\nX: ")},
		{name: "bodies byte by byte", clients: 200, deadline: readWithin + drainWithin,
			behave: dribble(
				"POST /v1/sessions/anonymous HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n",
				"")},
		{name: "answers unread", clients: 50, deadline: writeWithin, behave: neverRead,
			narrow: true},
	})
}

// beginFlood starts a few clients that pipeline a hundred requests at a time, as fast as they are
// answered.
func beginFlood(address string) *crowd {
	return begin(address, []*slowness{{clients: 32, behave: func(conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		neverRead(conn)
	}}})
}

func begin(address string, kinds []*slowness) *crowd {
	c := &crowd{ended: make(chan struct{}), open: map[net.Conn]struct{}{}, kinds: kinds}
	for _, kind := range c.kinds {
		for n := range kind.clients {
			c.all.Go(func() {
				select { // connect one after the other: slow clients are no flood
				case <-time.After(time.Duration(n) * arriveWithin / time.Duration(kind.clients)):
				case <-c.ended:
				}
				for c.once(address, n, kind) {
				}
			})
		}
	}
	return c
}

func (c *crowd) clients() (sum int) {
	for _, kind := range c.kinds {
		sum += kind.clients
	}
	return sum
}

// once runs one slow client until the service disconnects it, and reports whether to go on.
func (c *crowd) once(address string, n int, kind *slowness) bool {
	conn, err := dial(address, n, kind.narrow)
	if err != nil {
		return false
	}
	c.mu.Lock()
	c.open[conn] = struct{}{}
	c.mu.Unlock()
	began := time.Now()
	select {
	case <-c.ended:
	default:
		kind.behave(conn)
	}
	took := time.Since(began)
	_ = conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
	ended := false
	select {
	case <-c.ended:
		ended = true
	default:
		kind.letGo++
		kind.latest = max(kind.latest, took)
	}
	if took > kind.deadline+grace {
		kind.late++
	}
	return !ended
}

// end disconnects all clients.
func (c *crowd) end() {
	c.mu.Lock()
	close(c.ended)
	for conn := range c.open {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.all.Wait()
}

// dribble sends head at once, and then after and an endless number of further letters at two bytes
// per second.
func dribble(head, after string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, head)
		over := make(chan struct{})
		go func() {
			defer close(over)
			_, _ = io.Copy(io.Discard, conn) // until the service closes the connection
		}()
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		for n := 0; ; n++ {
			letter := "a"
			if n < len(after) {
				letter = after[n : n+1]
			}
			_, _ = io.WriteString(conn, letter)
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}
}

// neverRead sends batches of a hundred requests without end, and reads no response.
func neverRead(conn net.Conn) {
	asks := strings.Repeat(health, 100)
	for {
		if _, err := io.WriteString(conn, asks); err != nil {
			return
		}
	}
}
