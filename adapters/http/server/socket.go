package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/offload/sessiond/domain/clientaddr"
)

const (
	// SocketPrefix begins the address of a listener on a Unix socket; the path follows.
	SocketPrefix = "unix:"
	// SocketPeer is the RemoteAddr of every request over a Unix socket.
	SocketPeer = "unix"
	// socketMode lets the group of the process connect, such as a proxy.
	socketMode = 0o660
	// socketPause is the pause between two attempts to take the lock of a folder.
	socketPause = 10 * time.Millisecond
)

// listen opens address: host:port, or unix: and a path.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	if path, isSocket := strings.CutPrefix(address, SocketPrefix); isSocket {
		return listenUnix(ctx, &config, path)
	}
	return config.Listen(ctx, "tcp", address)
}

// socket is a listener on a Unix socket, which is removed when it closes.
type socket struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
}

// socketAddr is the address of a socket, or SocketPeer for its peers: the names to which peers are
// bound cannot be trusted.
type socketAddr string

// Network implements net.Addr.
func (socketAddr) Network() string { return "unix" }

// String implements net.Addr.
func (a socketAddr) String() string { return string(a) }

// socketConn is a connection over a Unix socket.
type socketConn struct{ *net.UnixConn }

// RemoteAddr implements net.Conn.
func (socketConn) RemoteAddr() net.Addr { return socketAddr(SocketPeer) }

// listenUnix opens a socket at path with its mode. It replaces a socket on which no process
// listens, and nothing else.
//
// The socket is created under another name and then linked to path, so that no client can connect
// before it has its mode, and so that it never takes the place of another. A lock on the folder
// keeps two processes from replacing the same stale socket.
func listenUnix(ctx context.Context, config *net.ListenConfig, path string) (net.Listener, error) {
	unlock, err := lockFolder(ctx, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	temporary := path + "." + rand.Text()[:4]
	opened, err := config.Listen(ctx, "unix", temporary)
	if err != nil {
		return nil, err
	}
	inner := opened.(*net.UnixListener)
	inner.SetUnlinkOnClose(false)
	own, err := publishSocket(temporary, path)
	if err = errors.Join(err, os.Remove(temporary)); err != nil {
		_ = inner.Close()
		return nil, err
	}
	return &socket{UnixListener: inner, path: path, own: own}, nil
}

// publishSocket gives a new socket its mode and its name.
func publishSocket(temporary, path string) (fs.FileInfo, error) {
	if err := os.Chmod(temporary, socketMode); err != nil {
		return nil, err
	}
	if err := os.Link(temporary, path); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// removeStale removes a socket on which no process listens. It returns an error if there is
// something else at path.
func removeStale(ctx context.Context, path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if found.Mode().Type() != fs.ModeSocket {
		return &occupiedError{path + " exists and is not a socket: remove it, or use another path"}
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return &occupiedError{"another process listens on " + path + ": stop it, or use another path"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}

// lockFolder takes the lock on a folder, and returns a function that releases it.
func lockFolder(ctx context.Context, folder string) (unlock func(), err error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", folder, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", folder, ctx.Err())
		case <-time.After(socketPause):
		}
	}
}

// Accept implements net.Listener.
func (s *socket) Accept() (net.Conn, error) { return acceptSocket(s.UnixListener) }

// acceptSocket accepts a connection, whose RemoteAddr is SocketPeer.
func acceptSocket(listener *net.UnixListener) (net.Conn, error) {
	conn, err := listener.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return socketConn{conn}, nil
}

// Addr implements net.Listener.
func (s *socket) Addr() net.Addr { return socketAddr(SocketPrefix + s.path) }

// Close implements net.Listener. It removes the socket while it still listens, so that no other
// process can have taken its place, unless it was removed by hand.
func (s *socket) Close() error {
	if found, err := os.Lstat(s.path); err == nil && os.SameFile(found, s.own) {
		_ = os.Remove(s.path)
	}
	return s.UnixListener.Close()
}

// inheritedSocket is a listener on a Unix socket that another process opened, and removes.
type inheritedSocket struct{ *net.UnixListener }

// Accept implements net.Listener.
func (s inheritedSocket) Accept() (net.Conn, error) { return acceptSocket(s.UnixListener) }

// Addr implements net.Listener.
func (s inheritedSocket) Addr() net.Addr { return socketAddr(AddressOf(s.UnixListener)) }

// AddressOf returns the address of a listener in the form that Listen takes.
func AddressOf(listener net.Listener) string {
	if addr, ok := listener.Addr().(*net.UnixAddr); ok {
		return SocketPrefix + addr.Name
	}
	return listener.Addr().String()
}

// OpenToOthers reports whether any user of the host can connect to the Unix socket at path: its
// mode and those of all folders above it let them. If a mode cannot be read it returns an error,
// and the socket may still be open: a folder that is closed to this process alone, as by
// ProtectHome= of systemd, may be open to others.
func OpenToOthers(path string) (bool, error) {
	const connect, search = 0o002, 0o001
	found, err := os.Stat(path)
	switch {
	case err != nil:
		return false, err
	case found.Mode().Type() != fs.ModeSocket:
		return false, fmt.Errorf("stat %s: not a socket", path)
	case found.Mode().Perm()&connect == 0:
		return false, nil
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		found, err := os.Stat(folder)
		if err != nil {
			return false, err
		}
		if found.Mode().Perm()&search == 0 {
			return false, nil
		}
		if folder == filepath.Dir(folder) {
			return true, nil
		}
	}
}

// FromTrusted reports whether a request comes from a trusted proxy: from one in trusted, or from
// the peer of a Unix socket.
func FromTrusted(r *http.Request, trusted clientaddr.Trusted) bool {
	if r.RemoteAddr == SocketPeer {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && trusted.Contains(peer.Addr())
}
