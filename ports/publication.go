package ports

// Publication publishes the public keys. It is safe for concurrent use.
type Publication interface {
	// PublicSet returns the JWK Set (RFC 7517) of the keys with a public part that are pending,
	// signing or verifying now. The same keys yield the same text.
	PublicSet() string
}
