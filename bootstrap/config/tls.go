package config

import (
	"errors"
	"time"

	"github.com/offload/sessiond/adapters/http/certificate"
)

// certificate returns the certificate of the public listener and its files. The certificate is nil
// without TLS, or if it cannot be used.
func (r *reviewer) certificate() (certificate.Files, *certificate.Certificate) {
	r.requireBoth(varTLSCertFile, varTLSKeyFile)
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
		r.faultOf(name, "names the file "+ShownPath(file)+", which "+fault.Error(),
			fileRemedy(file, fault.Remedy))
	}
	r.warnForeign(varTLSKeyFile, "names the file "+ShownPath(files.Key)+", which ", files.Key)
	if found != nil && !found.ValidAt(r.loader.Now) {
		r.warnOf(varTLSCertFile, "names the file "+ShownPath(files.Chain)+
			", which contains a certificate that is not valid now but from "+
			found.Begins().Format(time.RFC3339)+" to "+found.Ends().Format(time.RFC3339)+
			": clients will refuse it",
			"renew it; a new one takes effect without a restart")
	}
	if found != nil && len(found.Names()) == 0 {
		r.warnOf(varTLSCertFile, "names the file "+ShownPath(files.Chain)+
			", which contains a certificate without names: clients will refuse it",
			"get a certificate for the names of the host (subjectAltName)")
	}
	return files, found
}

// requireBoth reports a certificate without its key, or a key without its certificate.
func (r *reviewer) requireBoth(certificate, key string) {
	for name, other := range map[string]string{certificate: key, key: certificate} {
		if r.given[name] && !r.given[other] {
			r.faultOf(other, "is not set, and "+name+" is", "set both or neither")
		}
	}
}
