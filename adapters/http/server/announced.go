package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"
)

// announcementBuffer is as much as is read of a connection at a time while its announcement is looked for: the first version's must come in one piece.
const announcementBuffer = 256

// announced is a connection whose client a proxy has told (PROXY protocol, versions 1 and 2).
type announced struct {
	net.Conn
	// rest is what was read beyond the announcement.
	rest   *bufio.Reader
	client net.Addr
}

// announcementError is a trusted proxy's connection without a sound announcement.
type announcementError struct {
	// silent is true where nothing came at all: balancers so look whether somebody listens.
	silent bool
	// missing is true where what came is no announcement, and false where it is one that cannot be understood.
	missing bool
	cause   error
}

// Error is error's.
func (e *announcementError) Error() string { return "PROXY protocol: " + e.cause.Error() }

// Unwrap is the cause.
func (e *announcementError) Unwrap() error { return e.cause }

// readAnnouncement reads whom conn's peer announces. Nothing of it has a say but the client's address.
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
		a.client = conn.RemoteAddr() // the proxy itself asks, as for its health checks
	}
	return a, nil
}

// unspecified is how version 2 announces a client without an address (AF_UNSPEC), as version 1 does by UNKNOWN. It is the receiver's to accept it or not, and
// go-proxyproto does not; both versions are treated alike here. No announcement of version 1 is shorter.
const unspecified = "\r\n\r\n\x00\r\nQUIT\n\x21\x00"

// skipUnspecified reads such an announcement to its end.
func skipUnspecified(reader *bufio.Reader) error {
	_, _ = reader.Discard(len(unspecified)) // which have come
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

// nobody is the client of a proxy that does not tell an address of TCP: UNKNOWN, AF_UNSPEC, or a socket of UNIX. It is not the proxy's address, since what such
// a client says would then be believed as the proxy is.
type nobody struct{}

// Network is net.Addr's.
func (nobody) Network() string { return "unknown" }

// String is net.Addr's.
func (nobody) String() string { return "unknown" }

// Read is net.Conn's.
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

// RemoteAddr is the client's address.
func (a *announced) RemoteAddr() net.Addr { return a.client }

// CloseWrite ends what is sent, where the connection can, and goes on reading.
func (a *announced) CloseWrite() error { return closeWrite(a.Conn) }

// peerOf is the address at the other end of a connection; not valid where it is none of IP.
func peerOf(conn net.Conn) netip.Addr {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}
