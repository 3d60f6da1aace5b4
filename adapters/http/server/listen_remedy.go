package server

import (
	"errors"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// firstFreePort is the lowest port on which a process without privileges may listen.
const firstFreePort = 1024

// ListenRemedy returns what an operator can do about the error of Listen at address; "" if the
// error says it already.
func ListenRemedy(address string, err error) string {
	if _, known := errors.AsType[*occupiedError](err); known {
		return ""
	}
	if strings.HasPrefix(address, SocketPrefix) {
		return socketRemedy(err)
	}
	_, isName := errors.AsType[*net.DNSError](err)
	switch {
	case isName:
		return "use an address of this host in place of the name, or correct the name"
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop the process that has it (ss -ltnp shows which), or use another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "use an address of this host (ip address shows them), or none before the port for all"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return "use an IPv4 address: this host has no IPv6"
	case errors.Is(err, fs.ErrPermission) && isPrivileged(address):
		return "use a port from 1024 on, let a socket unit of systemd open this one, or give the " +
			"process CAP_NET_BIND_SERVICE"
	case errors.Is(err, fs.ErrPermission):
		return "a security policy of the host forbids it, such as SELinux or SocketBindDeny= of " +
			"systemd: allow the address there"
	}
	return "use another address"
}

// socketRemedy is ListenRemedy for a Unix socket.
func socketRemedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "create its folder (RuntimeDirectory= in systemd)"
	case errors.Is(err, fs.ErrPermission):
		return "let the service's user write to its folder (RuntimeDirectory= in systemd)"
	case errors.Is(err, syscall.EROFS):
		return "use a folder that can be written, such as one below /run"
	}
	return "use another path"
}

// isPrivileged reports whether the port of address is below firstFreePort.
func isPrivileged(address string) bool {
	_, port, err := net.SplitHostPort(address)
	number, invalid := strconv.Atoi(port)
	return err == nil && invalid == nil && number > 0 && number < firstFreePort
}

// occupiedError reports what is already at the path of a socket. Its text says what to do.
type occupiedError struct{ problem string }

// Error returns the problem.
func (e *occupiedError) Error() string { return e.problem }
