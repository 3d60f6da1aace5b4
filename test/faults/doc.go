// Package faults breaks the storage that replicas share, in every way in which it can break, while
// two replicas of the real binary serve many clients. It checks what clients, operators and the
// storage then observe against the contract, under each outage policy.
//
// A fault is a value in faults_test.go: how the storage breaks, how it recovers, and what it may
// cost. Each cell of the matrix, a fault under a policy, has three phases: calm, outage, and
// recovery. Phases end by what has happened, not by time. TestFaults has the commonest faults,
// TestLongFaults all others; BenchmarkFaults measures them. It is a module of its own, so that
// ./... does not run it.
package faults
