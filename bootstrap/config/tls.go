package config

import (
	"errors"
	"time"

	"github.com/offload/sessiond/adapters/http/certificate"
)

// certificate is the public listener's certificate, and where it is; nil where there is none to be had.
func (r *reading) certificate() (certificate.Files, *certificate.Certificate) {
	for name, other := range map[string]string{varTLSCertFile: varTLSKeyFile,
		varTLSKeyFile: varTLSCertFile} {
		if r.given[name] && !r.given[other] {
			r.faultOf(other, "is not set, and "+name+" is", "give both, or neither")
		}
	}
	if !r.given[varTLSCertFile] || r.broken[varTLSCertFile] || r.broken[varTLSKeyFile] {
		return certificate.Files{}, nil
	}
	files := certificate.Files{Chain: string(r.fields.TLSCertFile),
		Key: string(r.fields.TLSKeyFile), Strict: r.production}
	found, err := certificate.Read(files)
	faults, _ := errors.AsType[certificate.Faults](err)
	for _, fault := range faults {
		name, file := varTLSCertFile, files.Chain
		if fault.Part == certificate.Key {
			name, file = varTLSKeyFile, files.Key
		}
		r.faultOf(name, "names the file "+shown(file)+", which "+fault.String(),
			certificateRemedy(fault))
	}
	if found != nil && !found.ValidAt(r.gathering.Now) {
		r.warnOf(varTLSCertFile, "names the file "+shown(files.Chain)+
			", which holds a certificate that is not valid now but from "+
			found.Begins().Format(time.RFC3339)+" to "+found.Ends().Format(time.RFC3339)+
			": clients will refuse it",
			"renew it; a new one takes force without a restart")
	}
	if found != nil && len(found.Names()) == 0 {
		r.warnOf(varTLSCertFile, "names the file "+shown(files.Chain)+
			", which holds a certificate for no name: clients will refuse it",
			"have it made for the host's names (subjectAltName)")
	}
	return files, found
}

// certificateRemedy is what would be right in place of a file that is no use.
func certificateRemedy(fault certificate.Fault) string {
	switch fault.Reason {
	case certificate.Missing:
		return "name a file that exists"
	case certificate.Forbidden:
		return "let the service's user read it"
	case certificate.NotRegular:
		return "name a regular file: no directory, pipe or device"
	case certificate.TooLarge:
		return "name a smaller file"
	case certificate.Exposed:
		return remedyExposed
	case certificate.Mismatched:
		return "name the key with which the certificate in " + varTLSCertFile +
			" was asked for; the certificate itself comes first in its file"
	case certificate.Unusable:
		return "have it made for another key, such as one of ECDSA on P-256 or of RSA with 2048 bits"
	case certificate.Malformed:
		if fault.Part == certificate.Key {
			return "give the private key in PEM, not encrypted"
		}
		return "give the certificate in PEM, then those that lead from it to a root"
	case certificate.Unreadable, certificate.Ended:
	}
	return "name a file that can be read"
}
