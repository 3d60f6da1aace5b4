// Package certificate provides the listener's certificate, from one file for the chain and one for
// the private key. Read reads both files or fails; Source follows them.
//
// An invalid pair never replaces a valid one. No error, log line or text of the package contains a
// part of a key or a path. The package imports domain, ports, adapters/system and
// the standard library.
package certificate

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/strict"
)

// maxFile is the maximum size of either file in bytes. It has room for a long chain.
const maxFile = 1 << 20

// Files names the files of a certificate.
type Files struct {
	// Chain is the certificate in PEM, followed by those that lead from it to a root that clients
	// know. Key is its private key in PEM.
	Chain, Key string
	// Strict refuses a key that others may read, change or replace, as production-like environments
	// do.
	Strict bool
}

// Certificate is a valid certificate with the private key that belongs to it.
type Certificate struct{ pair tls.Certificate }

// TLS returns the certificate for crypto/tls. The result must not be changed.
func (c *Certificate) TLS() *tls.Certificate { return &c.pair }

// Names returns the names and addresses that the certificate is for: those of its subjectAltName,
// because clients ignore its subject. The result is never nil.
func (c *Certificate) Names() []string {
	names := append([]string{}, c.pair.Leaf.DNSNames...)
	for _, address := range c.pair.Leaf.IPAddresses {
		names = append(names, address.String())
	}
	return names
}

// Begins returns the time at which the certificate becomes valid.
func (c *Certificate) Begins() time.Time { return c.pair.Leaf.NotBefore.UTC() }

// Ends returns the last time at which the certificate is valid.
func (c *Certificate) Ends() time.Time { return c.pair.Leaf.NotAfter.UTC() }

// ValidAt reports whether the certificate is valid for clients whose clock shows now.
func (c *Certificate) ValidAt(now time.Time) bool {
	return !now.Before(c.Begins()) && !now.After(c.Ends())
}

// same reports whether two certificates have the same chain, and so the same key.
func (c *Certificate) same(other *Certificate) bool {
	return slices.EqualFunc(c.pair.Certificate, other.pair.Certificate, bytes.Equal)
}

// Read reads a certificate and its key, following symbolic links, and tries a handshake with them.
// It never blocks, not even on a pipe without a writer. Its error is of type Faults, with every
// fault that was found.
func Read(files Files) (*Certificate, error) {
	found, err := read(files)
	if err == nil && !found.serves() {
		return nil, Faults{unusable()}
	}
	return found, err
}

// read is Read without the trial handshake.
func read(files Files) (*Certificate, error) {
	chain, faults := readFile(Chain, files.Chain, false)
	key, more := readFile(Key, files.Key, files.Strict)
	faults = append(faults, more...)
	pair := tls.Certificate{}
	if chain != nil && !parseChain(chain, &pair) {
		faults = append(faults, malformedChain(holds(chain, isPrivateKey)))
	}
	if key != nil && !parseKey(key, &pair) {
		faults = append(faults, malformedKey(holds(key, isCertificate)))
	}
	if pair.Leaf != nil && pair.PrivateKey != nil && !belongs(pair.PrivateKey, pair.Leaf) {
		faults = append(faults, mismatched())
	}
	if faults != nil {
		return nil, faults
	}
	return &Certificate{pair}, nil
}

// readFile reads one of the files, which must not be exposed to others if it is private. It returns
// the faults of the file itself, not of its content. The content is nil if it could not be read.
func readFile(part Part, name string, private bool) (content []byte, faults Faults) {
	file, err := securefile.Read(name, maxFile)
	if err != nil {
		return nil, Faults{unread(part, err)}
	}
	if replaced := file.Replaced(); replaced != nil {
		faults = append(faults, Fault{part, replaced})
	}
	if private {
		for _, fault := range file.Exposures() {
			faults = append(faults, Fault{part, fault})
		}
	}
	// Some editors write a byte order mark, after which pem.Decode does not find the first block.
	return bytes.TrimPrefix(file.Content, []byte(strict.ByteOrderMark)), faults
}

// isCertificate reports whether a PEM block of this type holds a certificate.
func isCertificate(blockType string) bool { return blockType == "CERTIFICATE" }

// isPrivateKey reports whether a PEM block of this type holds a private key.
func isPrivateKey(blockType string) bool {
	return blockType == "PRIVATE KEY" || strings.HasSuffix(blockType, " PRIVATE KEY")
}

// holds reports whether text has PEM blocks, and all of the kind that is reports.
func holds(text []byte, is func(blockType string) bool) bool {
	for found := false; ; found = true {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return found
		}
		if !is(block.Type) {
			return false
		}
	}
}

// parseChain reads every certificate in text into pair. It returns false if there is none, or if
// one of them cannot be parsed.
func parseChain(text []byte, pair *tls.Certificate) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return pair.Leaf != nil
		}
		if !isCertificate(block.Type) {
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

// parseKey reads the first private key in text into pair. It returns false if there is none, or if
// it cannot be parsed.
func parseKey(text []byte, pair *tls.Certificate) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return false
		}
		if !isPrivateKey(block.Type) {
			continue
		}
		signer, ok := parseSigner(block.Bytes).(crypto.Signer)
		if ok {
			pair.PrivateKey = signer
		}
		return ok
	}
}

// parseSigner parses a key in one of the forms that tools write. It returns nil for any other form,
// and for an encrypted key.
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

// belongs reports whether key is the private key of the certificate.
func belongs(key crypto.PrivateKey, leaf *x509.Certificate) bool {
	signer, isSigner := key.(crypto.Signer)
	if !isSigner {
		return false
	}
	public, comparable := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return comparable && public.Equal(leaf.PublicKey)
}
