// Package domain holds what sessiond knows, apart from how it is told and where it is kept.
//
// Every package below is pure: the same arguments give the same answer. They import each other and the pure part of the
// standard library, and nothing else: no I/O, no environment, no context, no logging, no clock. An instant is always an argument.
//
// The floors, from the ground up:
//
//	failure      what went wrong, as a caller may know it
//	strict       base64url and JSON that admit one reading only
//	keys         who signs now, who may verify now
//	secret       whether a signing secret is strong
//	throttle     the exact sliding window
//	clientaddr   whose address a request comes from
//	session      an installation, its request, its claims
//	token        claims to text and back
package domain
