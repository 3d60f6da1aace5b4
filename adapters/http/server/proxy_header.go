package server

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"
)

// proxyHeaderBuffer is the size of the buffer through which a connection is read while its PROXY
// header is parsed. It holds the longest version 1 header.
const proxyHeaderBuffer = 256

// These are the beginning of a version 1 header and its maximum length, with the line break
// (proxy-protocol.txt, §2.1).
const (
	version1Signature = "PROXY"
	version1Longest   = 107
)

// proxied is a connection whose client address was given by a PROXY header (PROXY protocol,
// versions 1 and 2).
type proxied struct {
	net.Conn
	// rest holds what was read beyond the header.
	rest   *bufio.Reader
	client net.Addr
}

// proxyHeaderError reports that a trusted proxy's connection has no valid PROXY header.
type proxyHeaderError struct {
	// silent is true if nothing was received at all: load balancers probe the port this way.
	silent bool
	// missing is true if what was received is not a PROXY header, and false if it is one that
	// cannot be parsed.
	missing bool
	cause   error
}

// Error implements error.
func (e *proxyHeaderError) Error() string { return "PROXY protocol: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *proxyHeaderError) Unwrap() error { return e.cause }

// readProxyHeader reads the PROXY header at the beginning of conn. Only the client's address is
// taken from it.
func readProxyHeader(conn net.Conn) (net.Conn, error) {
	reader := bufio.NewReaderSize(conn, proxyHeaderBuffer)
	if _, err := reader.Peek(1); err != nil {
		return nil, &proxyHeaderError{silent: true, cause: err}
	}
	c := &proxied{Conn: conn, rest: reader, client: unknownAddr{}}
	if head, _ := reader.Peek(len(unspecified)); string(head) == unspecified {
		if err := skipUnspecified(reader); err != nil {
			return nil, &proxyHeaderError{cause: err}
		}
		return c, nil
	}
	awaitVersion1(reader)
	header, err := proxyproto.Read(reader)
	if err != nil {
		return nil, &proxyHeaderError{missing: errors.Is(err, proxyproto.ErrNoProxyProtocol),
			cause: err}
	}
	if tcp, _, ok := header.TCPAddrs(); ok && header.Command.IsProxy() {
		c.client = tcp
	} else if header.Command.IsLocal() && header.Version == 2 {
		c.client = conn.RemoteAddr() // sent by the proxy itself, for example a health check
	}
	return c, nil
}

// awaitVersion1 waits until a version 1 header has been received to the end of its line, because
// the parser refuses a header that is incomplete. If the input does not begin with the signature of
// version 1, it returns at once. It reports no errors: the parser does.
func awaitVersion1(reader *bufio.Reader) {
	head, err := reader.Peek(len(version1Signature))
	if err != nil || string(head) != version1Signature {
		return
	}
	for err == nil && bytes.IndexByte(head, '\n') < 0 && len(head) < version1Longest {
		_, err = reader.Peek(len(head) + 1)
		head, _ = reader.Peek(reader.Buffered())
	}
}

// unspecified is the beginning of a version 2 header for a client without an address (AF_UNSPEC),
// which version 1 writes as UNKNOWN. A receiver may reject it, and go-proxyproto does; here it is
// accepted, as in version 1. No version 1 header is shorter than this prefix.
const unspecified = "\r\n\r\n\x00\r\nQUIT\n\x21\x00"

// skipUnspecified reads a header that begins with unspecified to its end.
func skipUnspecified(reader *bufio.Reader) error {
	_, _ = reader.Discard(len(unspecified)) // already peeked
	var length uint16
	if err := binary.Read(reader, binary.BigEndian, &length); err != nil {
		return err
	}
	if length > proxyproto.MaxV2HeaderSize {
		return proxyproto.ErrInvalidLength
	}
	_, err := reader.Discard(int(length))
	return err
}

// unknownAddr is the address of a client for which the proxy gives no TCP address: UNKNOWN,
// AF_UNSPEC, or a Unix socket. It is not the proxy's address, because the client's forwarding
// headers would then be trusted like those of the proxy.
type unknownAddr struct{}

// Network implements net.Addr.
func (unknownAddr) Network() string { return "unknown" }

// String implements net.Addr.
func (unknownAddr) String() string { return "unknown" }

// Read implements net.Conn.
func (c *proxied) Read(p []byte) (int, error) {
	if c.rest == nil {
		return c.Conn.Read(p)
	}
	if c.rest.Buffered() == 0 {
		c.rest = nil
		return c.Conn.Read(p)
	}
	return c.rest.Read(p)
}

// RemoteAddr returns the client's address.
func (c *proxied) RemoteAddr() net.Addr { return c.client }

// CloseWrite closes the write side if the connection supports it. Reading remains possible.
func (c *proxied) CloseWrite() error { return closeWrite(c.Conn) }

// peerOf returns the IP address of the other end of a connection, or the zero Addr if it has none.
func peerOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}
