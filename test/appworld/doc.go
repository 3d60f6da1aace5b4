// Package appworld is the world of an app's client for tests: one real service, with a clock that
// the test moves, and one application, which verifies sessions with package sessionauth under the
// same clock. Both are on loopback sockets. Tests can substitute their answers: refusals, a server
// that never answers, a connection that closes, an answer that waits.
//
// With OFFLOAD_SESSION_BINDING in the environment of a world, both take part in binding sessions to
// device keys: their origins are those of the URLs that the world states, and each gives nonces of
// its own.
//
// The tests in Go start a World; those in other languages run the program serve, and control worlds
// through HTTP (see Control). The package imports no testing package, so that serve may use it.
package appworld
