package redisserver

import (
	"fmt"
	"strconv"
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
	port, own := secured.arguments(t)
	return Start(t, append(own, args...)...), port
}

// StartTLSSentinel starts a Sentinel that also accepts TLS and announces that port of the master,
// and returns its own TLS port. It does not find out about failures.
func StartTLSSentinel(t testing.TB, secured TLS, masterPort int, args ...string) (
	sentinel *Server, port int) {
	t.Helper()
	port, own := secured.arguments(t)
	return startSentinel(t, masterPort, append(own, args...)), port
}

// arguments returns the arguments of a server, and its TLS port.
func (s TLS) arguments(t testing.TB) (port int, args []string) {
	t.Helper()
	folder := t.TempDir()
	chain, key := s.Pair.Write(t, folder)
	port = freePort(t)
	args = []string{"--tls-port", strconv.Itoa(port), "--tls-cert-file", chain,
		"--tls-key-file", key}
	if s.Client == nil {
		return port, append(args, "--tls-auth-clients", "no")
	}
	authority := fmt.Sprintf("%s/clients.crt", folder)
	pki.Replace(t, authority, s.Client.Chain)
	return port, append(args, "--tls-auth-clients", "yes", "--tls-ca-cert-file", authority)
}
