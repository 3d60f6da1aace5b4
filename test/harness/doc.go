// Package harness starts the service for tests, as its users have it: the built binary as a process
// of its own, or the same service inside the test with a clock that the test moves. Both listen on
// real sockets of ports that the system chose.
//
// Whatever it starts ends with the test. Nothing here sleeps: it waits for log lines, answers and
// ends of processes, each with a deadline so late that only a hang reaches it. Only tests import
// it; it imports bootstrap, ports and testify.
package harness

import "time"

// Patience is how long anything is waited for before it counts as a hang. No test measures time by
// it.
const Timeout = 3 * time.Minute
