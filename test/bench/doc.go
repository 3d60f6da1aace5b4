// Package bench compares the cost of a shared decision with redis_rate on go-redis and with a bare
// PING. It is a module of its own, so that their dependencies stay out of the service's go.mod.
// Package rig measures contestants in turn; command compare writes the table of all ratios.
package bench
