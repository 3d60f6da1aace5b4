// Package peers holds our tokens and key sets against code that is not ours: golang-jwt, go-jose and jwx verify what we sign, and we verify
// what they sign. It is a module of its own, so that they stay out of the service's go.mod.
package peers
