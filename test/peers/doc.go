// Package peers tests sessiond's tokens and key sets against independent implementations:
// golang-jwt, go-jose and jwx verify what sessiond signs, and sessiond verifies what they sign; so
// does openssl with ES256. test/proofs.sh does the same for proofs of device keys, with the
// programs in proofs. It is a separate module, so that these libraries stay out of the service's
// go.mod.
package peers
