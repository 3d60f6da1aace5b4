package ports

// Material draws what keys are made of. It is safe for concurrent use and returns at once.
type KeyMaterial interface {
	// Draw is n bytes that nobody can guess.
	Generate(n int) []byte
}
