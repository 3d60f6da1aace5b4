package main

import (
	"bytes"
	"encoding/pem"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// authorities returns the certificates of the public authorities that Mozilla trusts, in PEM, as
// the module golang.org/x/crypto/x509roots/fallback has them: its version is pinned, and no file of
// the machine that builds the image gets into it. An authority that is trusted with a restriction
// that PEM cannot express is left out.
func authorities() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			// A buffer accepts every write.
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return text.Bytes()
}
