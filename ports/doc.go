// Package ports holds the interfaces between the use cases in app and the adapters, in the terms of
// the domain.
//
// The comment on a port is its contract: what it promises, which errors it returns, how long a call
// may take, and what concurrent callers may rely on. Issuance, Authentication, Publication and
// Readiness are called by the adapters that serve clients; the other ports are what the use cases
// need from outside. Besides interfaces, the package holds the values that they exchange, and the
// helpers that carry an event's Origin in a context; it decides nothing. It imports domain,
// context, time and net/netip.
package ports

//go:generate go tool moq -out portsmock/mocks.go -pkg portsmock . Clock Issuance Authentication LimiterStorage Publication
