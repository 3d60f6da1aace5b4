package soak_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// name stands for the storage's name, which can be made to lead to another server.
type name struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	target string
	open   map[net.Conn]struct{}
}

func startName(t testing.TB, target string) *name {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &name{listener: listener, target: target, open: map[net.Conn]struct{}{}}
	n.running.Go(n.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		n.leadTo("")
		n.running.Wait()
	})
	return n
}

func (n *name) address() string { return n.listener.Addr().String() }

// leadTo makes new connections go to target, and closes those to the old one.
func (n *name) leadTo(target string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.target = target
	for conn := range n.open {
		_ = conn.Close()
	}
}

func (n *name) accept() {
	for {
		near, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.running.Go(func() { n.forward(near) })
	}
}

func (n *name) forward(near net.Conn) {
	defer func() { _ = near.Close() }()
	n.mu.Lock()
	target := n.target
	n.mu.Unlock()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	n.mu.Lock()
	if n.target != target {
		n.mu.Unlock()
		return
	}
	n.open[near] = struct{}{}
	n.mu.Unlock()
	n.running.Go(func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	})
	_, _ = io.Copy(near, far)
	_ = near.Close()
	n.mu.Lock()
	delete(n.open, near)
	n.mu.Unlock()
}
