package redis

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/strict"
)

// maxTLSFile is the maximum size of a file in bytes. It has room for the authorities of a whole
// system.
const maxTLSFile = 1 << 20

// TLSFiles names the files for TLS with a server. An empty name means no such file.
//
// They are read for each new connection. A changed file takes effect within the life of a
// connection, and at once if connections fail because of the old one. Until then open connections
// stay in use, so that decisions do not show that a new file is bad: TLSWatch reports it at once.
type TLSFiles struct {
	// CA holds the certificates, in PEM, of the authorities that may sign a server's certificate.
	// If it is empty, the authorities of the system may.
	CA string
	// Certificate is the client's certificate in PEM, followed by its chain, and Key its private
	// key in PEM. Either both or neither is set.
	Certificate, Key string
	// Strict refuses a key that others may read, change or replace, as production-like environments
	// do.
	Strict bool
}

// TLSPart identifies one of the files.
type TLSPart uint8

// The files.
const (
	// CAFile holds the authorities.
	CAFile TLSPart = iota
	// CertificateFile holds the client's certificate.
	CertificateFile
	// KeyFile holds the private key of the client's certificate.
	KeyFile
)

// String describes the file.
func (p TLSPart) String() string {
	switch p {
	case CAFile:
		return "the CA file"
	case CertificateFile:
		return "the file of the client certificate"
	case KeyFile:
	}
	return "the file of the client key"
}

// TLSFault is one reason why a file cannot be used.
type TLSFault struct {
	Part TLSPart
	*securefile.Fault
}

// Error describes the file and the fault. It contains neither the name nor the content of a file.
func (f TLSFault) Error() string { return f.Part.String() + " " + f.Fault.Error() }

// malformed is the reason for a file with the wrong content.
const malformed securefile.Reason = "malformed"

// trust is the content of the files.
type trust struct {
	roots *x509.CertPool      // the authorities; nil for those of the system
	own   *tls.Certificate    // the client's certificate; nil if there is none
	texts [KeyFile + 1]string // the text of each file
}

// Check returns every reason why the files cannot be used.
func (f TLSFiles) Check() []TLSFault {
	_, faults := f.read()
	return faults
}

// read reads the files, and returns every reason why they cannot be used.
func (f TLSFiles) read() (trust, []TLSFault) {
	var found trust
	var faults []TLSFault
	read := func(part TLSPart, name string) []byte {
		if name == "" {
			return nil
		}
		file, err := securefile.Read(name, maxTLSFile)
		if err != nil {
			fault, _ := errors.AsType[*securefile.Fault](err)
			faults = append(faults, TLSFault{part, fault})
			return nil
		}
		if part == KeyFile && f.Strict {
			for _, fault := range file.Exposures() {
				faults = append(faults, TLSFault{part, fault})
			}
		}
		found.texts[part] = string(file.Content)
		content := bytes.TrimPrefix(file.Content, []byte(strict.ByteOrderMark))
		return append(content, '\n') // never nil
	}
	reject := func(part TLSPart, problem, remedy string) {
		faults = append(faults, TLSFault{part,
			&securefile.Fault{Reason: malformed, Problem: problem, Remedy: remedy}})
	}
	if authorities := read(CAFile, f.CA); authorities != nil {
		found.roots = x509.NewCertPool()
		if !found.roots.AppendCertsFromPEM(authorities) {
			reject(CAFile, "holds no certificate in PEM",
				"use the certificates of the authorities in PEM")
		}
	}
	chain, key := read(CertificateFile, f.Certificate), read(KeyFile, f.Key)
	if chain == nil || key == nil {
		return found, faults
	}
	if !x509.NewCertPool().AppendCertsFromPEM(chain) {
		reject(CertificateFile, "holds no certificate in PEM",
			"use the client's certificate in PEM, followed by its chain")
		return found, faults
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		reject(KeyFile, "holds no private key in PEM, an encrypted one, or that of another "+
			"certificate", "use the private key of the client's certificate, in PEM and not encrypted")
	}
	found.own = &pair
	return found, faults
}
