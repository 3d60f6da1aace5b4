// Package proof judges proofs that a client has a device key: DPoP proofs (RFC 9449).
//
// A proof is a JWS that the client makes for one request and signs with its key, whose public part
// is in the header. It names the method and the URI of the request, the time, an id, and the token
// that it accompanies. Parse reads and verifies a proof; Presented judges the proof of a request to
// issue (Issue) or of a request to a protected path (Access). The checks, in this order, and the
// Reason of each:
//
//	downgrade            a bound token is not presented as Bearer (protected paths only)
//	missing, multiple    there is exactly one header
//	too_large            the header has at most MaxHeader bytes
//	malformed            three segments, strict base64url, two strict JSON objects
//	typ, alg, crit       the type and the algorithm are supported, and there is no extension
//	jwk, private_key     there is a public key of that algorithm, without a private part
//	signature            the signature is that of the key
//	claims, jti          the required claims have the right types; jti has 1 to MaxID characters
//	forwarded            the method and the URI of the request are known
//	htm, htu             the proof has the same method and URI
//	nonce                the nonce is accepted, if there is one
//	stale, future        the time is near, unless there is an accepted nonce
//	ath_missing, ath     the proof has the digest of the token, if one is presented
//	unbound, binding     the token, or the install id, is bound to the key
//	replayed             the key has not used the id before: a storage decides, not this package
//
// A proof is evidence, not a secret, but its key is the identity of a device, and no format verb
// shows it. The package imports token, session, keys, mac, strict, failure and the pure standard
// library.
package proof
