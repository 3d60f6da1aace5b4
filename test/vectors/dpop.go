package vectors

import (
	_ "embed"
	"encoding/json"
)

//go:embed dpop.json
var dpop []byte

// Proofs are the cases for proofs of possession of a device key.
type Proofs struct {
	// Keys are JWKs with private parts by name; one has the public part alone. Thumbprints are
	// theirs (RFC 7638).
	Keys        map[string]json.RawMessage
	Thumbprints map[string]string
	// Codes are the OAuth error codes of the reasons.
	Codes      map[string]string
	Cases      []ProofCase
	Sequences  []ProofSequence
	Forwarded  []ForwardedCase
	InstallIDs []InstallIDCase `json:"install_ids"`
}

// ProofWant is the expected outcome of a proof: valid, or a reason.
type ProofWant struct {
	Expect string
	// Also are other reasons that are as good.
	Also []string
}

// ProofToken is the token that comes with a proof.
type ProofToken struct {
	// Scheme is that of the Authorization header; empty if there is none.
	Scheme string
	Text   string `json:"access_token"`
	// Thumbprint is that of the key that the token is bound to; empty if it is bound to none.
	Thumbprint string `json:"token_jkt"`
}

// ProofCase is one request with a proof.
type ProofCase struct {
	Name        string
	Method, URI string
	// DPoP are the header lines.
	DPoP []string
	Now  UnixSeconds
	ProofToken
	// Nonce is nil if no nonce is in use.
	Nonce *struct {
		Required bool
		Accepted []string
	}
	ProofWant
	// KeyThumbprint and ID are those of an accepted proof.
	KeyThumbprint string `json:"jkt"`
	ID            string `json:"jti"`
	Note          string
}

// ProofSequence is a list of requests to one memory of proofs.
type ProofSequence struct {
	Name  string
	Steps []struct {
		At          UnixSeconds
		Method, URI string
		DPoP        []string
		ProofWant
	}
}

// ForwardedCase is a sub-request of a proxy, about the request of a client.
type ForwardedCase struct {
	Name string
	// Trusted reports whether the peer is a proxy of the configuration.
	Trusted bool `json:"trusted_peer"`
	Request struct {
		Method, Target, Host string
		TLS                  bool
	}
	// Headers are names and values.
	Headers [][2]string
	DPoP    string
	Now     UnixSeconds
	ProofToken
	ProofWant
}

// InstallIDCase is a request to issue, with a valid proof unless Thumbprint is empty.
type InstallIDCase struct {
	Name       string
	InstallID  string `json:"install_id"`
	Thumbprint string `json:"proof_jkt"`
	// Expect is bound, unbound, or a reason.
	Expect string
}

// DPoP returns the cases of dpop.json. It panics if the file is invalid, which is a defect of this
// package.
func DPoP() Proofs {
	var proofs Proofs
	if err := json.Unmarshal(dpop, &proofs); err != nil {
		panic("vectors: " + err.Error())
	}
	return proofs
}
