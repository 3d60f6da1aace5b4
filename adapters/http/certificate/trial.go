package certificate

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// trialWithin ends a trial in which both sides wait for each other. Sound ones take milliseconds.
const trialWithin = 10 * time.Second

// serves tells whether handshakes can be made with the certificate, in each version of TLS that the listener speaks. What can be read need not be of a kind
// that TLS has: clients would learn of it first, and each of them alone.
func (c *Certificate) serves() bool {
	return c.tried(tls.VersionTLS12) && c.tried(tls.VersionTLS13)
}

// tried makes a handshake in memory, with a client who trusts everybody.
func (c *Certificate) tried(version uint16) bool {
	ctx, cancel := context.WithTimeout(context.Background(), trialWithin)
	defer cancel()
	near, far := net.Pipe()
	server := tls.Server(near, &tls.Config{
		Certificates: []tls.Certificate{c.pair}, MinVersion: version, MaxVersion: version,
		SessionTicketsDisabled: true, // they would be sent behind the handshake, to nobody
	})
	client := tls.Client(far, &tls.Config{
		MinVersion: version, MaxVersion: version,
		InsecureSkipVerify: true, // whom clients trust is theirs to say
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
