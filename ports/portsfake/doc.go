// Package portsfake holds small fakes of ports for tests: a clock that only the test moves, keys
// that the test replaces, and events that it reads afterwards. Use a mock from portsmock for a call
// that must fail or be counted. The package imports domain, ports, context, sync and time.
package portsfake
