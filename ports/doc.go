// Package ports holds the interfaces between the use cases and everything around them, in the words of the domain.
//
// A port's comment is its law: what it promises, its errors, its bound in time, what concurrent callers see. Sessions and
// Authentication are driven by whoever serves clients; the others are what the use cases need from outside. The package has no
// logic. It imports domain, context, time and net/netip.
package ports

//go:generate go tool moq -out portsmock/mocks.go -pkg portsmock . Clock Entropy Issuance Authentication LimiterStorage KeySource Keyset Publication KeyMaterial Events Health Readiness
