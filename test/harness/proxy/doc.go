// Package proxy starts real reverse proxies for tests: nginx, Caddy, HAProxy and Envoy. Each runs
// in the foreground on a loopback port and writes its files to a directory of its own.
//
// The caller passes a function that returns the configuration for a listen address. A free port may
// be taken by the time the proxy binds it; the function is then called again with another address.
// Every proxy is stopped at the end of its test, and its log is shown if the test failed. Only
// tests import this package; it imports testify.
package proxy

import "time"

// Timeout is how long the package waits for anything before it treats it as a hang. No test
// measures time with it.
const Timeout = 3 * time.Minute
