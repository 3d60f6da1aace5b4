package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// dial connects from one of a few local addresses, so that no address runs out of ports. A narrow
// connection behaves like one over the internet to a client that reads nothing: segments of 1448
// bytes and a small receive buffer. With loopback's own segment size the kernel would buffer
// megabytes for the client.
func dial(address string, n int, narrow bool) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%8))},
		Timeout: 20 * time.Second}
	if narrow {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				failed = errors.Join(
					syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10),
					syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1448))
			})
			return errors.Join(err, failed)
		}
	}
	return dialer.Dial("tcp", address)
}

// idlers are connections that have sent one request and are idle since.
type idlers []net.Conn

// holdIdle opens count connections and sends one request on each.
func holdIdle(address string, count int) (idlers, error) {
	const atOnce = 64
	held, failures := make(idlers, count), make(chan error, atOnce)
	for worker := range atOnce {
		go func() {
			var failed error
			for n := worker; n < count && failed == nil; n += atOnce {
				held[n], failed = askOnce(address, n)
			}
			failures <- failed
		}()
	}
	var failed error
	for range atOnce {
		if err := <-failures; err != nil {
			failed = err
		}
	}
	return held, failed
}

const health = "GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"

func askOnce(address string, n int) (net.Conn, error) {
	conn, err := dial(address, n, false)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, health); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return conn, err
}

// leave closes all connections and returns how many the service had already closed.
func (h idlers) leave() (lost int) {
	for _, conn := range h {
		if over(conn) {
			lost++
		}
		_ = conn.Close()
	}
	return lost
}

// over reports, without blocking, whether the other side has closed the connection.
func over(conn net.Conn) bool {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		n, _, failed := syscall.Recvfrom(int(fd), make([]byte, 1),
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && failed == nil || failed != nil && !errors.Is(failed, syscall.EAGAIN)
		return true
	})
	return gone || err != nil
}
