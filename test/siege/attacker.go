package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// orderVariable is the variable that makes this program a process of attackers, and holds the order
// for them.
const orderVariable = "SIEGE_ORDER"

// order is what attackers do.
type order struct {
	// Kind is a name in the table of attacks.
	Kind string
	// Connections is how many connections they open at least.
	Connections int
	// OneAddress makes all come from one address; otherwise each has its own.
	OneAddress bool
	// HTTP2 chooses the protocol where the kind serves for both.
	HTTP2 bool

	Address string
	TLS     bool
}

// on returns the order against a service.
func (o order) on(s *service) order {
	o.Address, o.TLS = s.public, s.tls
	return o
}

// effort counts what attackers did.
type effort struct {
	Ready                                bool
	Connections, Sent, Answered, Granted int64
}

// attackers are the process of attackers, as seen by the rig.
type attackers struct {
	command *exec.Cmd
	stdin   io.Closer
	ready   chan struct{} // closed once all have come
	ended   chan struct{}
	last    effort // valid once ended
}

// lowered is by how much the nice value of attackers exceeds the service's.
const lowered = "5"

// beginAttack starts a process of attackers.
func beginAttack(o order) (*attackers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	a := &attackers{command: exec.Command("nice", "-n", lowered, self), ready: make(chan struct{}),
		ended: make(chan struct{})}
	a.command.Env = append(os.Environ(), orderVariable+"="+string(text))
	a.command.Stderr = os.Stderr
	if a.stdin, err = a.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := a.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := a.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(a.ended)
		announced := false
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			_ = json.Unmarshal(lines.Bytes(), &a.last)
			if a.last.Ready && !announced {
				announced = true
				close(a.ready)
			}
		}
		_ = a.command.Wait()
	}()
	return a, nil
}

// leave ends the process, and with it all its connections, and returns what it did. It may be
// called again.
func (a *attackers) leave() effort {
	_ = a.stdin.Close()
	select {
	case <-a.ended:
	case <-time.After(20 * time.Second):
		_ = a.command.Process.Kill()
		<-a.ended
	}
	return a.last
}

// crew is the process of attackers, as seen by itself.
type crew struct {
	order
	connections, sent, answered, granted atomic.Int64
	ready                                atomic.Bool
	redial                               chan struct{} // paces connections after the first
}

// redials is how many connections that the service closed are opened again per second.
const redials = 500

// obey carries out the order until standard input ends, and reports on standard output.
func obey(text string) {
	c := &crew{redial: make(chan struct{})}
	attack, found := func(*crew) {}, false
	if err := json.Unmarshal([]byte(text), &c.order); err == nil {
		attack, found = attacks[c.Kind]
	}
	if !found {
		fmt.Fprintln(os.Stderr, "siege: bad order:", text)
		os.Exit(2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	go func() {
		for range time.Tick(time.Second / redials) {
			c.redial <- struct{}{}
		}
	}()
	go attack(c)
	tick := time.NewTicker(100 * time.Millisecond)
	for {
		c.report()
		select {
		case <-ctx.Done():
			c.report()
			os.Exit(0)
		case <-tick.C:
		}
	}
}

func (c *crew) report() {
	_ = json.NewEncoder(os.Stdout).Encode(effort{Ready: c.ready.Load(),
		Connections: c.connections.Load(), Sent: c.sent.Load(), Answered: c.answered.Load(),
		Granted: c.granted.Load()})
}

// arrivals is how many attackers connect at once.
const arrivals = 64

// hold has every attacker behave on a connection, again and again: behave returns when the
// connection is over. The crew is ready once each has called settled or has failed to connect.
func (c *crew) hold(narrow bool, behave func(conn conn, n int, settled func())) {
	gate := make(chan struct{}, arrivals)
	var coming sync.WaitGroup
	for n := range c.Connections {
		gate <- struct{}{}
		coming.Add(1)
		settled := sync.OnceFunc(func() {
			<-gate
			coming.Done()
		})
		go func() {
			for {
				c.connections.Add(1)
				if conn, err := c.dial(n, narrow); err == nil {
					behave(conn, n, settled)
					_ = conn.Close()
				}
				settled()
				<-c.redial
			}
		}()
	}
	coming.Wait()
	c.ready.Store(true)
}

// flood has every attacker behave on a connection as fast as it can, again and again without pause.
func (c *crew) flood(behave func(conn conn, n int)) {
	for n := range c.Connections {
		go func() {
			for {
				c.connections.Add(1)
				conn, err := c.dial(n, false)
				if err != nil {
					<-c.redial
					continue
				}
				behave(conn, n)
				_ = conn.Close()
			}
		}()
	}
	c.ready.Store(true)
}

// repeat returns text so many times.
func repeat(text string, times int) []byte { return []byte(strings.Repeat(text, times)) }
