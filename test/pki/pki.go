// Package pki creates certificates for tests. Only tests import it; it imports the standard library
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

// Pair is a self-signed certificate and its key, both in PEM.
type Pair struct{ Chain, Key []byte }

// New returns a pair for names and addresses that is valid from an hour ago until an hour from now.
func New(t testing.TB, names ...string) Pair {
	t.Helper()
	return NewAt(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

// NewAt returns a pair that is valid between begins and ends.
func NewAt(t testing.TB, begins, ends time.Time, names ...string) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return sign(t, key, key, begins, ends, names...)
}

// NewWith returns a pair for a key of any type, with the validity of New. Another key signs the
// certificate, because not every type of key can.
func NewWith(t testing.TB, key crypto.Signer, names ...string) Pair {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return sign(t, key, signer, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

// sign returns the pair for key, signed by signer.
func sign(t testing.TB, key, signer crypto.Signer, begins, ends time.Time, names ...string) Pair {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test"}, NotBefore: begins,
		NotAfter: ends,
		IsCA:     true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth,
			x509.ExtKeyUsageClientAuth},
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

// TLS returns the pair for crypto/tls.
func (p Pair) TLS(t testing.TB) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Chain, p.Key)
	require.NoError(t, err)
	return &pair
}

// Trust returns the configuration of a client that trusts only the given pairs.
func Trust(pairs ...Pair) *tls.Config {
	pool := x509.NewCertPool()
	for _, pair := range pairs {
		pool.AppendCertsFromPEM(pair.Chain)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// Write writes the pair into folder and returns the names of its files. Each file is put in place
// by renaming, the certificate first.
func (p Pair) Write(t testing.TB, folder string) (chain, key string) {
	t.Helper()
	chain, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	Replace(t, chain, p.Chain)
	Replace(t, key, p.Key)
	return chain, key
}

// Replace replaces a file atomically by one of mode 0600.
func Replace(t testing.TB, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(name+".next", content, 0o600))
	require.NoError(t, os.Rename(name+".next", name))
}
