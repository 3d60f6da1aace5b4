// Package faults breaks the storage that replicas share, in every way that it is known to break,
// while two replicas of the real binary serve many clients. It checks what clients, operators and
// the storage itself then see against the contract, under each outage policy.
//
// A fault is a value in faults_test.go: how to inject it, how to heal it and what it may cost. Each
// cell of the matrix, one fault under one policy, has three phases: before, during and after the
// fault. A phase ends when something has happened, never after a fixed time. The most common faults
// are in TestFaults, the others in TestLongFaults, and clients that leave the service no CPU in
// TestLongStarvation; BenchmarkFaults measures all but those that take minutes to heal.
//
// The package is a module of its own, so that its tests run apart from the service's.
package faults
