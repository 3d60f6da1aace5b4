package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const health = "GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"

// idle sends one request on every connection, and nothing more.
func idle(c *crew) {
	c.hold(false, func(conn conn, _ int, settled func()) {
		if _, err := io.WriteString(conn, health); err != nil {
			return
		}
		answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return
		}
		c.sent.Add(1)
		c.answered.Add(1)
		settled()
		_, _ = conn.Read(make([]byte, 1))
	})
}

// silent opens connections and sends nothing.
func silent(c *crew) {
	c.hold(false, func(conn conn, _ int, settled func()) {
		settled()
		_, _ = conn.Read(make([]byte, 1))
	})
}

// slow makes half of the attackers send headers byte by byte and four tenths send bodies byte by
// byte; the last tenth does not read its responses.
func slow(c *crew) {
	c.hold(true, func(conn conn, n int, settled func()) {
		settled()
		switch {
		case n%10 < 5:
			c.dribble(conn, "", "GET /v1/health HTTP/1.1\r\nHost: x\r\nX: ")
		case n%10 < 9:
			c.dribble(conn, "POST /v1/sessions/anonymous HTTP/1.1\r\nHost: x\r\n"+
				"Content-Length: 10000\r\n\r\n", "")
		default:
			c.pipeline(conn, repeat(health, 100), 100)
		}
	})
}

// dribble sends head at once, and then after and an endless number of further letters at two bytes
// per second, until the service closes the connection.
func (c *crew) dribble(conn conn, head, after string) {
	_, _ = io.WriteString(conn, head)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, conn)
	}()
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for n := 0; ; n++ {
		letter := "a"
		if n < len(after) {
			letter = after[n : n+1]
		}
		_, _ = io.WriteString(conn, letter)
		c.sent.Add(1)
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
}

// pipeline sends batches of so many requests without end.
func (c *crew) pipeline(conn conn, batch []byte, requests int64) {
	for {
		if _, err := conn.Write(batch); err != nil {
			return
		}
		c.sent.Add(requests)
	}
}

// pipelineAll sends batches of requests without end on every connection, and reads the responses.
// batch returns the batch of attacker n and how many requests it has.
func (c *crew) pipelineAll(batch func(n int) (text []byte, requests int64)) {
	c.flood(func(conn conn, n int) {
		text, requests := batch(n)
		go c.read(conn, false)
		c.pipeline(conn, text, requests)
	})
}

// read reads responses until the connection is over, and counts those that grant a session if
// granting is set.
func (c *crew) read(conn conn, granting bool) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReaderSize(conn, 64<<10)
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return
		}
		c.answered.Add(1)
		if granting && answer.StatusCode == http.StatusOK {
			c.granted.Add(1)
		}
	}
}

// pipelined requests /v1/health, a hundred requests at a time.
func pipelined(c *crew) {
	c.pipelineAll(func(int) ([]byte, int64) { return repeat(health, 100), 100 })
}

// keySets requests the JWK Set.
func keySets(c *crew) {
	const get = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n"
	c.pipelineAll(func(int) ([]byte, int64) { return repeat(get, 16), 16 })
}

// issues requests sessions, on each connection for one installation.
func issues(c *crew) {
	c.pipelineAll(func(n int) ([]byte, int64) { return repeat(post(session("attacker", n)), 50), 50 })
}

// post returns a request for a session.
func post(body string) string {
	return fmt.Sprintf("POST /v1/sessions/anonymous HTTP/1.1\r\nHost: x\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// bodyLimit is the longest body that the service reads.
const bodyLimit = 16 << 10

// issuers is how many connections request sessions from one address while others send heavy bodies.
const issuers = 4

// heavyBodies sends bodies that are expensive to read on every connection. Meanwhile one other
// address requests sessions on a few connections, each for another installation.
func heavyBodies(c *crew) {
	issuer := &crew{order: c.order, redial: c.redial}
	issuer.OneAddress = true
	for n := range issuers {
		go func() {
			for {
				issuer.issueInTurn(c, n)
				<-c.redial
			}
		}()
	}
	c.pipelineAll(func(n int) ([]byte, int64) { return repeat(post(heavyBody(n+1)), 4), 4 })
}

// issueInTurn requests sessions on one connection, one after the other, until it is over, and
// counts what is granted for counted. n is the number of the connection.
func (c *crew) issueInTurn(counted *crew, n int) {
	conn, err := c.dial(0, false)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for round := 0; ; round++ {
		body := session(fmt.Sprintf("issuer-%d-%d", n, counted.connections.Add(1)), round)
		if _, err := io.WriteString(conn, post(body)); err != nil {
			return
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return
		}
		if answer.StatusCode == http.StatusOK {
			counted.granted.Add(1)
		}
	}
}

// heavyBody returns a body of the greatest length with as many names as fit, all of which have to
// be compared. Half of the attackers lack a required name, so that their bodies are refused.
func heavyBody(n int) string {
	body := strings.TrimSuffix(session("heavy", n), "}")
	if n%2 == 0 {
		body = "{\"nothing\":0"
	}
	var text strings.Builder
	text.WriteString(body)
	for i := 0; text.Len() < bodyLimit-16; i++ {
		fmt.Fprintf(&text, ",\"%x\":0", i)
	}
	return text.String() + "}"
}
