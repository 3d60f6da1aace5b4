// Package portsfake holds small fakes of ports for tests: a clock that only a test moves, keys that
// a test exchanges, and events that it reads afterwards. A mock from portsmock is for a call that
// must fail or be counted. The package imports domain, ports, context, sync and time.
package portsfake
