// Package pki makes certificates for tests. Only tests import it; it imports the standard library
// and testify.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pair is a certificate that signed itself, and its key, both in PEM.
type Pair struct{ Chain, Key []byte }

// New makes a pair for names and addresses that is valid from an hour before to an hour after the
// present.
func New(t testing.TB, names ...string) Pair {
	t.Helper()
	return NewAt(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

// NewAt makes a pair that is valid between two instants.
func NewAt(t testing.TB, begins, ends time.Time, names ...string) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return sign(t, key, key, begins, ends, names...)
}

// NewWith makes a pair with a key of any kind, valid as New has it. Another key signed it, for not
// every kind can.
func NewWith(t testing.TB, key crypto.Signer, names ...string) Pair {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return sign(t, key, signer, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

// sign makes the pair of key.
func sign(t testing.TB, key, signer crypto.Signer, begins, ends time.Time, names ...string) Pair {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test"}, NotBefore: begins,
		NotAfter: ends,
		IsCA:     true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(),
		signer)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return Pair{
		Chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		Key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// TLS is the pair as crypto/tls takes it.
func (p Pair) TLS(t testing.TB) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Chain, p.Key)
	require.NoError(t, err)
	return &pair
}

// Trust is what a client needs who trusts the pairs and nobody else.
func Trust(pairs ...Pair) *tls.Config {
	pool := x509.NewCertPool()
	for _, pair := range pairs {
		pool.AppendCertsFromPEM(pair.Chain)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// Write writes the pair into folder, each file by renaming, the certificate first, and returns
// their names.
func (p Pair) Write(t testing.TB, folder string) (chain, key string) {
	t.Helper()
	chain, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	Replace(t, chain, p.Chain)
	Replace(t, key, p.Key)
	return chain, key
}

// Replace puts a file of mode 0600 in the place of the one before.
func Replace(t testing.TB, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(name+".next", content, 0o600))
	require.NoError(t, os.Rename(name+".next", name))
}
