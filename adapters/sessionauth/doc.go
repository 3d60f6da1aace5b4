// Package sessionauth verifies sessiond's sessions inside another Go service, with no call for each request.
//
// A Verifier makes the same checks as sessiond's protected paths and refuses with the same answers: the same status, code, message and headers. What it
// needs are the keys, in one of two ways:
//
//   - A JWKS reads the public keys that the issuer publishes at /.well-known/jwks.json and keeps them fresh in the background. The service then holds nothing
//     that could sign. This is the way to take where the issuer signs with EdDSA.
//   - Fixed keys, where the issuer signs with HS256: whoever verifies such sessions holds the secret, and could make them.
//
// A session proves that its holder once knew the install id, and no more; an install id is no credential.
//
// # Outages and rotations
//
// A JWKS goes on with the last good set for as long as the issuer is out: an answer that is late, no 200, too large or no set changes nothing. A set without a
// usable key takes force, for all may have been revoked; but not as the first. A JWS under a key that is not known has the set read anew at once, though never more than one such reading in ten seconds, whatever is
// sent; its request waits a second at most. So a rotation needs no restart.
//
// A revocation arrives with the next reading: after as long as the issuer's max-age says, but never less than a minute nor more than ten. While
// the issuer is out, none arrives.
//
// # Imports
//
// The package imports domain and the standard library, and so does sessionauthtest, the kit for tests of services that use it.
package sessionauth
