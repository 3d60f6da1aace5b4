package redisserver

import (
	"fmt"
	"slices"
	"testing"

	"github.com/offload/sessiond/test/pki"
)

// TLS is how a server speaks TLS, on a port beside the one without TLS.
type TLS struct {
	// Pair is the server's certificate and key.
	Pair pki.Pair
	// Client is the certificate that clients must have; nil where they need none.
	Client *pki.Pair
}

// StartTLS starts a server that also accepts TLS, and returns its TLS port.
func StartTLS(t testing.TB, secured TLS, args ...string) (server *Server, port int) {
	t.Helper()
	server = start(t, &Server{ready: ready, ports: map[string]int{tlsPort: 0},
		args: slices.Concat([]string{"--save", ""}, secured.arguments(t), args)})
	return server, server.ports[tlsPort]
}

// StartTLSSentinel starts a Sentinel that also accepts TLS and announces that port of the master,
// and returns its own TLS port. It does not find out about failures.
func StartTLSSentinel(t testing.TB, secured TLS, masterPort int, args ...string) (
	sentinel *Server, port int) {
	t.Helper()
	sentinel = startSentinel(t, masterPort, &Server{ports: map[string]int{tlsPort: 0},
		args: append(secured.arguments(t), args...)})
	return sentinel, sentinel.ports[tlsPort]
}

// tlsPort is the option that sets the TLS port.
const tlsPort = "--tls-port"

// arguments returns the arguments of a server, but for its TLS port.
func (s TLS) arguments(t testing.TB) []string {
	t.Helper()
	folder := t.TempDir()
	chain, key := s.Pair.Write(t, folder)
	args := []string{"--tls-cert-file", chain, "--tls-key-file", key}
	if s.Client == nil {
		return append(args, "--tls-auth-clients", "no")
	}
	authority := fmt.Sprintf("%s/clients.crt", folder)
	pki.Replace(t, authority, s.Client.Chain)
	return append(args, "--tls-auth-clients", "yes", "--tls-ca-cert-file", authority)
}
