// Package entropy provides random numbers and random key material. It imports the standard library
// only.
package entropy

import (
	crypto "crypto/rand"
	"math/rand/v2"
)

// Source implements ports.Entropy with the generator of math/rand/v2, which seeds itself, and
// ports.KeyMaterial with crypto/rand.
type Source struct{}

// Fraction returns a number drawn uniformly from [0, 1). It is not for secrets.
func (Source) Fraction() float64 { return rand.Float64() }

// Generate returns n cryptographically random bytes.
func (Source) Generate(n int) []byte {
	material := make([]byte, n)
	_, _ = crypto.Read(material) // it never fails
	return material
}
