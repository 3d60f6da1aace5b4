package certificate

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// trialTimeout ends a trial handshake in which both sides wait for each other. Normally it takes
// milliseconds.
const trialTimeout = 10 * time.Second

// serves reports whether TLS handshakes succeed with the certificate, in each version that the
// listener speaks. A key that can be parsed may still be of a type that TLS does not support, and
// clients would be the first to find out.
func (c *Certificate) serves() bool {
	return c.tried(tls.VersionTLS12) && c.tried(tls.VersionTLS13)
}

// tried reports whether a handshake in memory succeeds, with a client that trusts any certificate.
func (c *Certificate) tried(version uint16) bool {
	ctx, cancel := context.WithTimeout(context.Background(), trialTimeout)
	defer cancel()
	near, far := net.Pipe()
	server := tls.Server(near, &tls.Config{
		Certificates: []tls.Certificate{c.pair}, MinVersion: version, MaxVersion: version,
		SessionTicketsDisabled: true, // they would be sent after the handshake, when nothing reads
	})
	client := tls.Client(far, &tls.Config{
		MinVersion: version, MaxVersion: version,
		InsecureSkipVerify: true, // this checks the key, not whether clients trust the certificate
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
