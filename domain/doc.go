// Package domain contains the rules of sessiond, independent of protocols and storage.
//
// Every package below it is pure: the same arguments give the same result. They import each other
// and the pure part of the standard library, and nothing else: no I/O, environment, context,
// logging or clock. The current time is always an argument.
//
// The packages, each using those above it:
//
//	failure      errors as a caller may see them
//	strict       base64url and JSON with exactly one reading
//	keys         which key signs and which verify at a given time
//	secret       the strength of a signing secret
//	throttle     the exact sliding window
//	clientaddr   the client address of a request
//	session      an installation, its request, its claims
//	token        claims to token and back
package domain
