package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// conn is a connection of an attacker, in clear or over TLS.
type conn = net.Conn

// bindAddressNoPort is Linux's IP_BIND_ADDRESS_NO_PORT: the port is chosen when connecting, so that
// one address has as many ports for each destination as there are.
const bindAddressNoPort = 24

// dialer returns a dialer from an address.
func dialer(from net.IP, more ...func(fd int) error) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 10 * time.Second,
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				// Without it fewer connections fit, and that shows.
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
				for _, set := range more {
					failed = errors.Join(failed, set(int(fd)))
				}
			})
			return errors.Join(err, failed)
		}}
}

// narrow makes a connection behave like one over the internet to a client that reads nothing:
// segments of 1448 bytes and a small receive buffer. With loopback's own segment size the kernel
// would buffer megabytes for the client.
func narrow(fd int) error {
	return errors.Join(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1448))
}

// addressOf returns the address of attacker n: many networks, and few attackers in each.
func addressOf(n int) net.IP {
	return net.IPv4(127, byte(16+n%64), byte(n/64%250), byte(1+n/64/250))
}

// dial connects attacker n.
func (c *crew) dial(n int, slow bool) (conn, error) {
	from := addressOf(n)
	if c.OneAddress {
		from = addressOf(0)
	}
	d := dialer(from)
	if slow {
		d = dialer(from, narrow)
	}
	plain, err := d.Dial("tcp", c.Address)
	if err != nil || !c.TLS {
		return plain, err
	}
	settings := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost",
		CurvePreferences: []tls.CurveID{tls.X25519}} // cheap for the attacker
	if c.HTTP2 {
		settings.NextProtos = []string{"h2"}
	}
	over := tls.Client(plain, settings)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return over, nil
}
