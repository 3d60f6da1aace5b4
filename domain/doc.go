// Package domain is the root of the packages that hold the rules of sessiond, independent of how
// requests arrive and where state is kept.
//
// Every package below is pure: the same arguments give the same result. They import each other and
// the pure part of the standard library, and nothing else: no I/O, no environment, no context, no
// logging, no clock. The current time is always an argument.
//
// The packages, each importing only those above it:
//
//	failure      error kinds, as callers may see them
//	strict       base64url and JSON decoding that allows one reading only
//	mac          HMAC-SHA256 with keys that are used again and again
//	secret       whether a signing secret is strong enough
//	keys         which key signs now, and which keys may verify now
//	throttle     the exact sliding window
//	clientaddr   which address a request comes from
//	session      an installation, its request, its claims
//	proof        proofs that a client has a device key
//	token        encoding and decoding claims
package domain
