// Package redisserver starts real Redis servers for tests: a single server, a Cluster or a
// Sentinel, each on a free loopback port with a directory of its own. It also makes them fail as
// servers do: a kill, a hang, a restart with or without the data, a step of the clock.
//
// Everything it starts ends with the test. Nothing here sleeps: it waits for a line in a server's
// log, or polls a server's state, with a deadline. Only tests import it; it imports rueidis and
// testify.
package redisserver

import "time"

// Timeout is how long the package waits for something before it fails the test. No test measures
// time by it.
const Timeout = 2 * time.Minute
