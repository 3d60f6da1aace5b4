package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"
)

// announcementBuffer is the size of the reads while the PROXY header is parsed: a version 1 header
// must arrive in one piece.
const announcementBuffer = 256

// announced is a connection whose client a proxy has announced (PROXY protocol, versions 1 and 2).
type announced struct {
	net.Conn
	// rest is what was read beyond the PROXY header.
	rest   *bufio.Reader
	client net.Addr
}

// announcementError is the error for a connection of a trusted proxy without a valid PROXY header.
type announcementError struct {
	// silent is true if nothing arrived at all: load balancers check the port like that.
	silent bool
	// missing is true if what arrived is not a PROXY header, and false if it is one that cannot be
	// parsed.
	missing bool
	cause   error
}

// Error implements error.
func (e *announcementError) Error() string { return "PROXY protocol: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *announcementError) Unwrap() error { return e.cause }

// readAnnouncement reads the PROXY header of conn. Only the client's address is used.
func readAnnouncement(conn net.Conn) (net.Conn, error) {
	reader := bufio.NewReaderSize(conn, announcementBuffer)
	if _, err := reader.Peek(1); err != nil {
		return nil, &announcementError{silent: true, cause: err}
	}
	a := &announced{Conn: conn, rest: reader, client: nobody{}}
	if head, _ := reader.Peek(len(unspecified)); string(head) == unspecified {
		if err := skipUnspecified(reader); err != nil {
			return nil, &announcementError{cause: err}
		}
		return a, nil
	}
	header, err := proxyproto.Read(reader)
	if err != nil {
		return nil, &announcementError{missing: errors.Is(err, proxyproto.ErrNoProxyProtocol),
			cause: err}
	}
	if tcp, _, ok := header.TCPAddrs(); ok && header.Command.IsProxy() {
		a.client = tcp
	} else if header.Command.IsLocal() && header.Version == 2 {
		a.client = conn.RemoteAddr() // the proxy's own request, for example a health check
	}
	return a, nil
}

// unspecified is how version 2 announces a client without an address (AF_UNSPEC), as version 1 does
// with UNKNOWN. The receiver may accept it or not, and go-proxyproto does not; both versions are
// treated alike here. No version 1 header is shorter.
const unspecified = "\r\n\r\n\x00\r\nQUIT\n\x21\x00"

// skipUnspecified reads such a header to its end.
func skipUnspecified(reader *bufio.Reader) error {
	_, _ = reader.Discard(len(unspecified)) // already received
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

// nobody is the client of a proxy that announces no TCP address: UNKNOWN, AF_UNSPEC, or a UNIX
// socket. It is not the proxy's address, because the headers of such a client would then be trusted
// like the proxy's.
type nobody struct{}

// Network implements net.Addr.
func (nobody) Network() string { return "unknown" }

// String implements net.Addr.
func (nobody) String() string { return "unknown" }

// Read implements net.Conn.
func (a *announced) Read(p []byte) (int, error) {
	if a.rest == nil {
		return a.Conn.Read(p)
	}
	if a.rest.Buffered() == 0 {
		a.rest = nil
		return a.Conn.Read(p)
	}
	return a.rest.Read(p)
}

// RemoteAddr returns the client's address.
func (a *announced) RemoteAddr() net.Addr { return a.client }

// CloseWrite closes the sending side, if the connection can, and leaves the receiving side open.
func (a *announced) CloseWrite() error { return closeWrite(a.Conn) }

// peerOf returns the address of a connection's peer, which is invalid if it is not an IP address.
func peerOf(conn net.Conn) netip.Addr {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}
