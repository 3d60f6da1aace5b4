package main

import (
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// The service's own bounds, at their defaults: a request has ten seconds to be read, a body that
// nobody reads is waited for a second more, and an answer has ten seconds beyond reading's.
const (
	readWithin  = 10 * time.Second
	drainWithin = time.Second
	writeWithin = 20 * time.Second
	// arriveWithin is the time over which the slow come.
	arriveWithin = 5 * time.Second
	// grace is what a busy machine may add to each.
	grace = time.Second
)

// slowness is one way to be slow, and what came of those who were.
type slowness struct {
	name    string
	clients int
	// deadline is when the service lets go of one at the latest, from when he connected.
	deadline time.Duration
	// behave is slow on conn until the service breaks it off.
	behave func(conn net.Conn)
	narrow bool

	letGo, late int
	latest      time.Duration
}

// crowd are all who are slow.
type crowd struct {
	kinds []*slowness
	ended chan struct{}
	all   sync.WaitGroup
	mu    sync.Mutex // of what came of them, and open
	open  map[net.Conn]struct{}
}

// beginSlow has five hundred clients be slow, each again and again.
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

// beginFlood has a few clients ask as fast as they are answered, a hundred requests at once.
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
				select { // spread their coming: to be a flood is not to be slow
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

// once has one client be slow until the service lets go of him, and reports whether to go on.
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

// end sends them all away.
func (c *crowd) end() {
	c.mu.Lock()
	close(c.ended)
	for conn := range c.open {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.all.Wait()
}

// dribble sends head at once, and what comes after it and no end of further letters at two bytes a
// second.
func dribble(head, after string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, head)
		over := make(chan struct{})
		go func() {
			defer close(over)
			_, _ = io.Copy(io.Discard, conn) // until the service closes
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

// neverRead asks on and on, a hundred requests at once, and reads no answer.
func neverRead(conn net.Conn) {
	asks := strings.Repeat(health, 100)
	for {
		if _, err := io.WriteString(conn, asks); err != nil {
			return
		}
	}
}
