// Package redisserver starts real Redis servers for tests: one, or a Cluster, each on a loopback
// port of the system's choosing with a folder of its own, and has happen to them what happens to
// servers: a kill, a hang, a restart with its data or without, a step of its clock.
//
// Whatever it starts ends with the test. Nothing here sleeps: it waits for a line in a server's
// log. Only tests import it; it imports rueidis and testify.
package redisserver

import "time"

// Patience is how long anything is waited for before it counts as a hang. No test measures time by
// it.
const Timeout = time.Minute
