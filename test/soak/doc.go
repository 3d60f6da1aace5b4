// Package soak runs three replicas of the built binary behind nginx, with the configuration in
// cmd/sessiond/deploy, on one Redis server, under mixed load at a fixed rate, while everything that
// goes wrong or is changed in operation happens on a schedule: replicas that stop, die and are
// restarted one after another, a storage that dies and one that moves, keys that are rotated and
// revoked, certificates that are swapped, a log reader that goes away.
//
// It checks that no client sees an error that it should not see, that no subject gets more than the
// promise, that no log line holds a token, an address or an install ID, and that what the replicas
// take does not grow. Restarts come first, so that the processes that are compared live from the
// second fifth of the run to its end.
//
// The whole run takes 10 minutes; -duration shortens it. A short one checks only what does not
// depend on the machine's speed. The package is a module of its own because of what draws the plot.
package soak
