// Package faults breaks the storage that replicas share, in every way in which it breaks, while two replicas of the real binary serve many clients,
// and holds what clients, operators and the storage itself then see against the contract: under each policy for an outage.
//
// A fault is a value in faults_test.go: how the storage breaks, how it is mended, what it may cost. Each cell of the matrix, a fault under a policy,
// goes through three phases: calm, out, and back again. Phases end by what has happened and not by time. The commonest faults are in TestFaults, all of them in
// TestLongFaults; BenchmarkFaults measures them. It is a module of its own, so that toxiproxy stays out of the service's go.mod.
package faults
