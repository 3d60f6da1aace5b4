// Package token turns claims into text and back.
//
// Reading a text makes these checks, in this order. What fails first is the reason, one word of a fixed list; the caller hears
// invalid_token for all of them but the last.
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
// The key decides the form, never the token: a key is made for one algorithm, and only that algorithm's form is read under it. Two forms
// cannot be confused: the compact form has two segments, a JWS three. It imports session, keys, strict, failure and the standard library.
package token
