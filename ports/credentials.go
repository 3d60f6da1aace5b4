package ports

// Credentials are what a request brings to prove that it may use a session, as it was received:
// nothing in them is verified.
type Credentials struct {
	// Authorization holds the values of all Authorization headers, in the order of the request.
	Authorization []string
}
