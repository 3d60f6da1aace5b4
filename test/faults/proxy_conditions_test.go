package faults_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// serveTCP starts a server that hands each connection to handle, and returns its address.
func serveTCP(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

func dialProxy(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", p.address(), harness.Timeout)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Timeout)))
	return conn
}

func requireEcho(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func TestProxyAppliesConditions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		network network
		want    string // what arrives before the connection ends
		err     error  // with which it ends; nil at its orderly end
	}{
		"reset":     {network: network{reset: true}, err: syscall.ECONNRESET},
		"cut after": {network: network{cutAfter: 10}, want: "0123456789"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, serveTCP(t, echo))
			conn := dialProxy(t, p)
			requireEcho(t, conn, "before")
			p.set(test.network)
			_, err := conn.Write([]byte("0123456789abcdef"))
			require.NoError(t, err)
			got, err := io.ReadAll(conn)
			assert.Equal(t, test.want, string(got))
			assert.True(t, errors.Is(err, test.err), "%v", err)
			p.heal(t)
			requireEcho(t, dialProxy(t, p), "after")
		})
	}
}

func TestProxyDelaysReplies(t *testing.T) {
	t.Parallel()
	p := startProxy(t, serveTCP(t, echo))
	conn := dialProxy(t, p)
	const delay = 100 * time.Millisecond
	p.set(network{delay: delay})
	began := time.Now()
	requireEcho(t, conn, "delayed")
	assert.GreaterOrEqual(t, time.Since(began), delay)
	p.set(network{delay: time.Hour})
	_, err := conn.Write([]byte("held"))
	require.NoError(t, err)
	p.heal(t)
	got := make([]byte, len("held"))
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err, "a delayed reply is forwarded once the network is well")
	assert.Equal(t, "held", string(got))
}

func TestProxyClosesConnectionsThatLostReplies(t *testing.T) {
	t.Parallel()
	p := startProxy(t, serveTCP(t, echo))
	lossy, idle := dialProxy(t, p), dialProxy(t, p)
	requireEcho(t, lossy, "before")
	requireEcho(t, idle, "before")
	p.set(network{discard: true})
	_, err := lossy.Write([]byte("lost"))
	require.NoError(t, err)
	harness.Poll(t, "the proxy has lost a reply", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for l := range p.links {
			if l.lost.Load() {
				return true
			}
		}
		return false
	})
	p.heal(t)
	got, err := io.ReadAll(lossy)
	require.NoError(t, err)
	assert.Empty(t, got)
	requireEcho(t, idle, "after")
}

// TestProxyChangesConditionsWhileConnectionsAreFull sets and heals conditions again and again while
// every buffer between the server and a client that does not read is full.
func TestProxyChangesConditionsWhileConnectionsAreFull(t *testing.T) {
	t.Parallel()
	block := []byte(strings.Repeat("x", 64<<10))
	p := startProxy(t, serveTCP(t, func(conn net.Conn) {
		for {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}))
	for range 4 {
		conn := dialProxy(t, p)
		_, err := io.ReadFull(conn, make([]byte, len(block)))
		require.NoError(t, err)
	}
	awaitReturn(t, "changes of the network's condition", func() {
		for range 200 {
			p.set(network{delay: time.Millisecond})
			p.set(network{delay: time.Hour})
			p.set(network{})
		}
	})
	p.set(network{discard: true})
	p.heal(t)
	conn := dialProxy(t, p)
	_, err := io.ReadFull(conn, make([]byte, len(block)))
	require.NoError(t, err)
}
