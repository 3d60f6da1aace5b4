package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// connectError is the reason why there is no connection, in words for the operator, if it is not an
// error of the operating system.
type connectError string

// Error implements error.
func (e connectError) Error() string { return string(e) }

// The reasons that a diagnosis finds.
const (
	errNoTLS              connectError = "the server does not speak TLS"
	errOnlyTLS            connectError = "the server speaks only TLS"
	errWantsCertificate   connectError = "the server wants a client certificate"
	errRejectsCertificate connectError = "the server rejects the client certificate"
	errNoHello            connectError = "the server, or a proxy, ends connections at HELLO"
)

// The reasons that follow from the type of an error.
const (
	errEnded       connectError = "the server ended the connection"
	errNoAddress   connectError = "the name has no address"
	errNotTrusted  connectError = "the server's certificate is not trusted"
	errOtherName   connectError = "the server's certificate is for another name"
	errNotInPeriod connectError = "the server's certificate has expired or is not valid yet"
)

// diagnosisTimeout bounds each connection that is made to find out why another one failed.
const diagnosisTimeout = 250 * time.Millisecond

// diagnosis finds out why a server ended a connection without a reply, by further connections.
type diagnosis struct {
	address string
	tcp     *net.Dialer
}

// explainPlain explains the end of a connection without TLS before the first reply. It returns err
// if it finds no reason.
func (d diagnosis) explainPlain(err error) error {
	if !isEnd(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*diagnosisTimeout)
	defer cancel()
	switch {
	case d.speaksTLS(ctx):
		return errOnlyTLS
	case d.answersPing(ctx):
		return errNoHello
	}
	return err
}

// isEnd reports whether the server ended a connection, or rejected it in a TLS alert.
func isEnd(err error) bool {
	_, rejected := alertOf(err)
	return rejected || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// alertOf returns the text of the TLS alert by which a server ended a connection. It is one of a
// fixed list.
func alertOf(err error) (text string, found bool) {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "remote error" {
		return operation.Err.Error(), true
	}
	return "", false
}

// speaksTLS reports whether the server answers a TLS handshake, if only with an alert.
func (d diagnosis) speaksTLS(ctx context.Context) bool {
	conn, err := d.dial(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	// Nothing is sent over this connection, so the server need not prove its identity.
	client := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	err = client.HandshakeContext(ctx)
	_, rejected := alertOf(err)
	return err == nil || rejected
}

// speaksPlain reports whether the server answers a command without TLS.
func (d diagnosis) speaksPlain(ctx context.Context) bool {
	reply := d.ping(ctx)
	return reply != "" && strings.IndexByte("+-", reply[0]) >= 0
}

// answersPing reports whether the server accepts PING, or requires a password first.
func (d diagnosis) answersPing(ctx context.Context) bool {
	reply := d.ping(ctx)
	return strings.HasPrefix(reply, "+PONG") || strings.HasPrefix(reply, "-NOAUTH")
}

// ping returns the beginning of the server's reply to a PING without TLS and without a password; ""
// if there is none.
func (d diagnosis) ping(ctx context.Context) string {
	conn, err := d.dial(ctx)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "*1\r\n$4\r\nPING\r\n"); err != nil {
		return ""
	}
	reply := make([]byte, len("-NOAUTH"))
	n, _ := io.ReadAtLeast(conn, reply, len("+PONG"))
	return string(reply[:n])
}

// dial connects, for at most diagnosisTimeout.
func (d diagnosis) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	conn, err := d.tcp.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	end, _ := ctx.Deadline()
	return conn, conn.SetDeadline(end)
}
