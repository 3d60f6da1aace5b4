// Package token converts claims to tokens and back.
//
// Reading a token performs these checks in this order. The first that fails is the reason, one word
// of a fixed list; the caller sees invalid_token for all of them except the last.
//
//	 1  at most MaxLength bytes, before anything is decoded          too_long
//	 2  the segments of the form, none empty                         segments
//	 3  strict base64url                                             encoding
//	 4  a signature of the exact length                              signature_length
//	 5  the payload is one strict JSON object                        json
//	 6  the header of a JWS is the one that we write                 header
//	 7  kid names a key that may verify now, of the form's algorithm unknown_key, algorithm
//	 8  the signature matches                                        signature
//	 9  the eight claims, each of its type, within its bounds        claim_missing, claim_type, claim_bounds
//	10  v, iss and aud are ours                                      version, issuer, audience
//	11  iat <= nbf < exp, and nbf is not in the future               instants, not_yet_valid
//	12  exp is later than now                                        expired
//
// The key determines the form, never the token: a key is made for one algorithm, and only tokens of
// that algorithm's form are accepted under it. The forms cannot be confused: the compact form has
// two segments, a JWS has three. The package imports session, keys, strict, failure and the
// standard library.
package token
