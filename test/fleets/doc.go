// Package fleets simulates crowds of phones and attackers that obtain sessions, in a clock that
// moves from event to event. Every request is decided by app/issue on the memory storage, with the
// defaults of the configuration. The tables that result stand in cmd/sessiond/docs/limits.md: the
// tests fail if they differ, and make fleets writes them anew. Random choices have a fixed seed.
package fleets
