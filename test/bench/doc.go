// Package bench has the measurements beside peers and lower bounds. It is a module of its own, so
// that the peers stay out of the service's go.mod. Package rig measures contestants in turn;
// command compare writes the table of all ratios.
package bench
