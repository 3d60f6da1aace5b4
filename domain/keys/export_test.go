package keys

// VerifiesEither reports whether signature is a signature of message by key, canonical or not.
func VerifiesEither(key Key, message, signature []byte) bool {
	return (*key.prepared).verify(message, signature)
}

// IsCanonical reports whether signature is canonical under an algorithm.
func IsCanonical(a Algorithm, signature []byte) bool { return a.mustRow().canonical(signature) }
