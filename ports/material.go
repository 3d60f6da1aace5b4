package ports

// Material draws what keys are made of. It is safe for concurrent use and returns at once.
type Material interface {
	// Draw is n bytes that nobody can guess.
	Draw(n int) []byte
}
