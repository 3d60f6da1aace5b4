// Package certificate provides the listener's certificate, from a file for the chain and one for
// the private key: Read accepts both or neither, Source polls them.
//
// An invalid pair never replaces a valid one. No error, log line or text of the package holds a
// part of a key or a path. It imports ports and the standard library.
package certificate

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// maxFile is the maximum size of either file in bytes: more than a long chain needs.
const maxFile = 1 << 20

// Files are the paths of a certificate and its key.
type Files struct {
	// Chain is the certificate in PEM, followed by the intermediate certificates. Key is its
	// private key in PEM.
	Chain, Key string
	// Strict refuses a key that others can read or write, or its group can write.
	Strict bool
}

// Certificate is a certificate with its key, both valid and matching.
type Certificate struct{ pair tls.Certificate }

// TLS returns the certificate for crypto/tls. It must not be modified.
func (c *Certificate) TLS() *tls.Certificate { return &c.pair }

// Names returns the names and addresses of the certificate, never nil; clients check nothing else.
func (c *Certificate) Names() []string {
	names := append([]string{}, c.pair.Leaf.DNSNames...)
	for _, address := range c.pair.Leaf.IPAddresses {
		names = append(names, address.String())
	}
	return names
}

// Begins returns the time from which the certificate is valid.
func (c *Certificate) Begins() time.Time { return c.pair.Leaf.NotBefore.UTC() }

// Ends returns the last time at which the certificate is valid.
func (c *Certificate) Ends() time.Time { return c.pair.Leaf.NotAfter.UTC() }

// ValidAt reports whether clients whose clock shows now accept the certificate.
func (c *Certificate) ValidAt(now time.Time) bool {
	return !now.Before(c.Begins()) && !now.After(c.Ends())
}

// same reports whether two certificates have the same chain, and so the same key.
func (c *Certificate) same(other *Certificate) bool {
	return slices.EqualFunc(c.pair.Certificate, other.pair.Certificate, bytes.Equal)
}

// Read reads a certificate and its key, through symbolic links, and tries them. It never blocks,
// for example on a pipe without a writer. It fails with Faults, which lists all of them.
func Read(files Files) (*Certificate, error) {
	found, err := read(files)
	if err == nil && !found.serves() {
		return nil, Faults{{Chain, Unusable}}
	}
	return found, err
}

// read is Read without the trial.
func read(files Files) (*Certificate, error) {
	var faults Faults
	chain, _, reason := readFile(files.Chain)
	if reason != sound {
		faults = append(faults, Fault{Chain, reason})
	}
	key, mode, reason := readFile(files.Key)
	if reason != sound {
		faults = append(faults, Fault{Key, reason})
	} else if files.Strict && mode.Perm()&0o026 != 0 {
		faults = append(faults, Fault{Key, Exposed})
	}
	pair := tls.Certificate{}
	if chain != nil && !parseChain(chain, &pair) {
		faults = append(faults, Fault{Chain, Malformed})
	}
	if key != nil && !parseKey(key, &pair) {
		faults = append(faults, Fault{Key, Malformed})
	}
	if pair.Leaf != nil && pair.PrivateKey != nil && !belongs(pair.PrivateKey, pair.Leaf) {
		faults = append(faults, Fault{Key, Mismatched})
	}
	if faults != nil {
		return nil, faults
	}
	return &Certificate{pair}, nil
}

// readFile reads a regular file; its content is nil if there is a reason.
func readFile(name string) ([]byte, fs.FileMode, Reason) {
	// Anything but a regular file is refused before it is opened, because opening some devices has
	// effects. Meanwhile the path may come to refer to something else, so it is opened without
	// blocking and checked again.
	if stat, err := os.Stat(name); err != nil {
		return nil, 0, reasonOf(err)
	} else if !stat.Mode().IsRegular() {
		return nil, 0, NotRegular
	}
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, reasonOf(err)
	}
	defer func() { _ = file.Close() }()
	stat, err := file.Stat()
	if err != nil {
		return nil, 0, reasonOf(err)
	}
	if !stat.Mode().IsRegular() {
		return nil, 0, NotRegular
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, 0, reasonOf(err)
	case len(content) > maxFile:
		return nil, 0, TooLarge
	}
	return content, stat.Mode(), sound
}

func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Missing
	case errors.Is(err, fs.ErrPermission):
		return Forbidden
	}
	return Unreadable
}

// parseChain reads all certificates in text, and reports whether there is at least one.
func parseChain(text []byte, pair *tls.Certificate) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return pair.Leaf != nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			pair.Leaf = nil
			return false
		}
		if pair.Leaf == nil {
			pair.Leaf = parsed
		}
		pair.Certificate = append(pair.Certificate, block.Bytes)
	}
}

// parseKey reads the first private key in text.
func parseKey(text []byte, pair *tls.Certificate) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return false
		}
		if block.Type != "PRIVATE KEY" && !strings.HasSuffix(block.Type, " PRIVATE KEY") {
			continue
		}
		signer, ok := parseSigner(block.Bytes).(crypto.Signer)
		if ok {
			pair.PrivateKey = signer
		}
		return ok
	}
}

// parseSigner reads a key in one of the forms that tools write; nil if it has none of them, or is
// encrypted.
func parseSigner(der []byte) any {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// belongs reports whether key is the key of the certificate.
func belongs(key crypto.PrivateKey, leaf *x509.Certificate) bool {
	signer, isSigner := key.(crypto.Signer)
	if !isSigner {
		return false
	}
	public, comparable := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return comparable && public.Equal(leaf.PublicKey)
}
