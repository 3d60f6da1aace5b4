package keys

// NewVerifier makes an EdDSA key of its public part alone, for cases that come without the private one. It verifies; what it would sign is
// nothing.
func NewVerifier(id ID, public []byte) Key {
	held := material(make([]byte, SeedSize)) + material(public)
	return Key{id: id, algorithm: EdDSA, material: &held}
}
