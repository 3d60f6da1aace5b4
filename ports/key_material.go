package ports

// KeyMaterial generates the secret bytes that keys are made of. It is safe for concurrent use and
// returns at once.
type KeyMaterial interface {
	// Generate returns n cryptographically random bytes.
	Generate(n int) []byte
}
