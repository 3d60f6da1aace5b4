package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync/atomic"
	"time"
)

// silenceLimit is how long a server may send nothing after the start of a TLS handshake before a
// second connection finds out whether it speaks TLS at all. A server without TLS may take the
// handshake for the beginning of a command, and wait for the rest.
const silenceLimit = 200 * time.Millisecond

// dialer connects to servers.
type dialer struct {
	// first is the first host of the URL. Sentinel and Cluster name other servers by addresses that
	// their certificates may not contain.
	first string
	files TLSFiles
}

// dial connects to address, over TLS if config is not nil.
func (d dialer) dial(ctx context.Context, address string, tcp *net.Dialer, config *tls.Config,
) (*guard, error) {
	conn, err := tcp.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if config == nil {
		return guarded(conn, diagnosis{address, tcp}.explainPlain), nil
	}
	secured, explain, err := d.secure(ctx, conn, diagnosis{address, tcp}, config)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return guarded(secured, explain), nil
}

// secure makes the TLS handshake. It also returns a function that explains the end of the
// connection before the first reply: with TLS 1.3 a server rejects a client's certificate only
// after the handshake.
func (d dialer) secure(ctx context.Context, conn net.Conn, of diagnosis, base *tls.Config) (
	secured net.Conn, explain func(error) error, err error) {
	trusted, faults := d.files.read()
	if faults != nil {
		return nil, nil, connectError(faults[0].Error())
	}
	host, _, _ := net.SplitHostPort(of.address)
	var asked atomic.Bool
	config := d.config(base, host, trusted)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked.Store(true)
		if trusted.own == nil {
			return &tls.Certificate{}, nil
		}
		return trusted.own, nil
	}
	explain = func(err error) error {
		switch {
		case !asked.Load() || !isEnd(err):
			return err
		case trusted.own == nil:
			return errWantsCertificate
		}
		return errRejectsCertificate
	}

	wire := &listening{Conn: conn}
	var plain atomic.Bool
	timer := time.AfterFunc(silenceLimit, func() {
		if !wire.heard.Load() && of.speaksPlain(ctx) {
			plain.Store(true)
			_ = conn.Close()
		}
	})
	defer timer.Stop()
	client := tls.Client(wire, config)
	err = client.HandshakeContext(ctx)
	switch {
	case err == nil:
		return client, explain, nil
	case plain.Load(), !wire.heard.Load() && isEnd(err) && of.speaksPlain(ctx):
		return nil, nil, errNoTLS
	}
	return nil, nil, explain(err)
}

// config returns the configuration of a handshake with a host.
func (d dialer) config(base *tls.Config, host string, trusted trust) *tls.Config {
	config := base.Clone()
	config.ServerName = host
	if net.ParseIP(host) != nil {
		config.ServerName = d.first // crypto/tls sends no addresses, and some proxies need a name
	}
	if config.InsecureSkipVerify {
		return config
	}
	// crypto/tls verifies for one name. VerifyConnection does the same for either of two names.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		err := verify(state.PeerCertificates, trusted.roots, host)
		if err != nil && host != d.first && verify(state.PeerCertificates, trusted.roots,
			d.first) == nil {
			return nil
		}
		return err
	}
	return config
}

// verify verifies a server's certificates for a host.
func verify(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), DNSName: host}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}

// listening is a connection that records whether the server has sent anything.
type listening struct {
	net.Conn
	heard atomic.Bool
}

// Read implements net.Conn.
func (l *listening) Read(into []byte) (int, error) {
	n, err := l.Conn.Read(into)
	if n > 0 {
		l.heard.Store(true)
	}
	return n, err
}
