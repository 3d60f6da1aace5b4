// Package token encodes claims as text and verifies such text.
//
// Verification makes these checks, in this order. The first one that fails determines the reason,
// one word of a fixed list; the caller is told invalid_token for all of them but the last.
//
//	 1  at most MaxLength bytes, before decoding           too_long
//	 2  the segments of the form, none empty               segments
//	 3  strict base64url                                   encoding
//	 4  a signature of the exact length                    signature_length
//	 5  the payload is one strict JSON object              json
//	 6  the JWS header has the expected members only       header
//	 7  kid names a verifying key of the form's algorithm  unknown_key, algorithm
//	 8  the signature matches                              signature
//	 9  the eight claims have the right types and bounds   claim_missing, claim_type, claim_bounds
//	10  v, cnf, iss and aud have the expected values       version, binding, issuer, audience
//	11  iat <= nbf < exp, and nbf is not in the future     instants, not_yet_valid
//	12  exp is later than now                              expired
//
// The key determines the form, never the token: a key belongs to one algorithm, and only tokens in
// the form of that algorithm are accepted under it. The two forms cannot be confused: the compact
// form has two segments, a JWS has three. Which algorithm has which form, and how long its
// signatures are, is up to keys. Check 4 accepts the lengths of all algorithms of the form; if a
// JWS names an algorithm with another one of these lengths, check 6 is followed by
// signature_length.
//
// A session that is bound to a device key has v 3 and, last, cnf with the thumbprint of the key,
// which is the install id. Whether such a token is accepted, and which bearer tokens are not
// because they could stand in for one, is up to session.Settings. That its holder has the key is
// not judged here: Claims.Bound says that it must be. The package imports session, keys, strict,
// failure and the standard library.
package token
