// Package proof judges proofs that a client has a device key: DPoP proofs (RFC 9449).
//
// A proof is a JWS that the client makes for one request and signs with its key, whose public part
// is in the header. It names the method and the URI of the request, the time, an id, and the token
// that it accompanies. Parse reads and verifies one, Presented judges what a request presents: with
// a request to issue (Issue) or on a protected path (Access). The checks, in this order, and the
// Reason of each:
//
//	downgrade            a bound token comes as Bearer (protected paths only)
//	missing, multiple    there is one header
//	too_large            it has at most MaxHeader bytes
//	malformed            three segments, strict base64url, two strict JSON objects
//	typ, alg, crit       the header says what it must, and has no extension
//	jwk, private_key     there is a public key of that algorithm, and no private part
//	signature            the key's
//	claims, jti          what is required is there, and has the right type; the id has its length
//	forwarded            the request's own method and URI are known
//	htm, htu             they are those of the proof
//	nonce                is accepted, if there is one
//	stale, future        the time is near, unless there is an accepted nonce
//	ath_missing, ath     the token is that of the proof, if one is presented
//	unbound, binding     the token, or the install id, is that of the key
//	replayed             the id is new for the key; a storage knows, and not this package
//
// A proof is evidence, not a secret, but its key is the identity of a device, and no format verb
// shows it. The package imports token, session, keys, mac, strict, failure and the pure standard
// library.
package proof
