// Package proxy starts real reverse proxies for tests: nginx, Caddy and HAProxy, each in the
// foreground on loopback ports, with all that it writes in a folder of its own.
//
// A configuration is made by a function that is told where to listen, since a port that was free
// may be taken by the time that the proxy comes to it; then it is asked again. Whatever is started
// ends with the test, and shows what it logged where the test has failed. Only tests import it; it
// imports testify.
package proxy

import "time"

// Patience is how long anything is waited for before it counts as a hang. No test measures time by
// it.
const Timeout = time.Minute
