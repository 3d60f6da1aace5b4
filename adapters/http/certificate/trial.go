package certificate

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// trialWithin ends a trial in which both sides wait for each other. Valid pairs take milliseconds.
const trialWithin = 10 * time.Second

// serves reports whether handshakes succeed with the certificate, in each TLS version that the
// listener speaks. A readable pair may be of a kind that TLS does not support, which clients would
// notice first.
func (c *Certificate) serves() bool {
	return c.tried(tls.VersionTLS12) && c.tried(tls.VersionTLS13)
}

// tried performs a handshake in memory, with a client that trusts every certificate.
func (c *Certificate) tried(version uint16) bool {
	ctx, cancel := context.WithTimeout(context.Background(), trialWithin)
	defer cancel()
	near, far := net.Pipe()
	server := tls.Server(near, &tls.Config{
		Certificates: []tls.Certificate{c.pair}, MinVersion: version, MaxVersion: version,
		// tickets would be sent after the handshake, when the client no longer reads
		SessionTicketsDisabled: true,
	})
	client := tls.Client(far, &tls.Config{
		MinVersion: version, MaxVersion: version,
		InsecureSkipVerify: true, // whom a client trusts is not tested here
	})
	served := make(chan error, 1)
	go func() {
		served <- server.HandshakeContext(ctx)
		_ = near.Close()
	}()
	err := client.HandshakeContext(ctx)
	_ = far.Close()
	return <-served == nil && err == nil
}
