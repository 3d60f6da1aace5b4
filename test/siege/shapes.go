package main

import "time"

// shape is one form of attack, with the service that it meets and what is expected of both.
type shape struct {
	name, title string
	attack      order
	// floor is what the attackers must send per second, or the result means nothing.
	floor float64
	// lines is the goal for log lines a second, where it is stricter than maxLines.
	lines float64
	// hold is the least time for which the attackers stay once all have come.
	hold time.Duration

	// These configure the service: its environment, whether it serves over TLS, whether it has a
	// healthy Redis, how many keys its keyset has and from when they sign, and how many files it
	// may have open.
	env      []string
	tls      bool
	redis    bool
	keys     int
	signFrom time.Time
	files    int
	// refused is set where the service cannot issue sessions.
	refused bool
	// throughput is set where the table shows the responses that the attackers read.
	throughput bool
	// closeLog closes the reader of the log when the attack begins.
	closeLog bool
	// limit is how many sessions one address may get, where that is counted.
	limit int64
}

// attacks is the table of what attackers do.
var attacks = map[string]func(*crew){
	"zero-window": zeroWindow, "endless-posts": endlessPosts, "rapid-reset": rapidReset,
	"continuation": continuations, "settings": settings,
	"idle": idle, "silent": silent, "slow": slow, "pipelined": pipelined,
	"jwks": keySets, "issues": issues, "heavy-bodies": heavyBodies, "idle-http2": idleHTTP2,
}

// ownFiles is what a process needs besides its connections.
const ownFiles = 200

// shapes returns all shapes, sized for processes with so many open files.
func shapes(files int) []shape {
	both := []shape{
		{name: "zero-window", title: "500 HTTP/2 connections × 100 streams with a zero window",
			attack: order{Kind: "zero-window", HTTP2: true, Connections: 500}},
		{name: "endless-posts", title: "1,000 HTTP/2 connections × 100 POSTs that never end",
			attack: order{Kind: "endless-posts", HTTP2: true, Connections: 1000}},
		{name: "rapid-reset", title: "HTTP/2 rapid reset, 16 connections", floor: 2000,
			attack: order{Kind: "rapid-reset", HTTP2: true, Connections: 16}},
		{name: "continuation", title: "HTTP/2 CONTINUATION flood, 16 connections", floor: 2000,
			attack: order{Kind: "continuation", HTTP2: true, Connections: 16}},
		{name: "settings", title: "HTTP/2 SETTINGS flood, 16 connections", floor: 2000,
			attack: order{Kind: "settings", HTTP2: true, Connections: 16}},
		{name: "idle", title: "10,000 idle connections",
			attack: order{Kind: "idle", Connections: 10_000}},
		// Long enough for the deadline of headers and bodies to pass.
		{name: "slow", title: "500 slow connections", hold: 12 * time.Second,
			attack: order{Kind: "slow", Connections: 500}},
	}
	var all []shape
	for _, s := range both {
		over := s
		over.name, over.title, over.tls = s.name+"-tls", s.title+", TLS", true
		all = append(all, s, over)
	}
	all = append(all, []shape{
		{name: "zero-window-few", title: "120 HTTP/2 connections × 100 streams with a zero window",
			attack: order{Kind: "zero-window", HTTP2: true, Connections: 120}},
		{name: "pipelined", title: "pipelined requests without pause, 32 connections", floor: 1000,
			attack: order{Kind: "pipelined", Connections: 32}},
		{name: "one-address", title: "one address that opens 12,000 connections, with `ulimit -n 10000`",
			files:  10_000,          // so that the attackers have more than the service
			hold:   8 * time.Second, // longer than clients wait
			attack: order{Kind: "silent", OneAddress: true, Connections: 12_000}},
		{name: "few-files", title: "1,100 silent connections with `ulimit -n 1024`", files: 1024,
			hold:   8 * time.Second, // longer than clients wait
			attack: order{Kind: "silent", Connections: 1100}},
		{name: "log-reader", title: "a log reader that goes away", closeLog: true, floor: 100,
			attack: order{Kind: "issues", Connections: 1}},
		{name: "log-flood-deny", title: "a flood of requests while storage is out under `deny`",
			env: []string{"OFFLOAD_LIMITER_STORAGE=redis", "OFFLOAD_REDIS_URL=redis://127.0.0.1:1",
				"OFFLOAD_LIMITER_ON_OUTAGE=deny"},
			refused: true, floor: 1000, lines: 20, attack: order{Kind: "issues", Connections: 1}},
		{name: "log-flood-no-key", title: "a flood of requests while no key signs",
			keys: 1, signFrom: time.Now().AddDate(1, 0, 0),
			refused: true, floor: 1000, lines: 20, attack: order{Kind: "issues", Connections: 1}},
		{name: "jwks", title: "a JWK Set of 256 keys, 32 connections", floor: 200,
			keys: 256, signFrom: time.Now().Add(-time.Hour),
			throughput: true, attack: order{Kind: "jwks", Connections: 32}},
		{name: "heavy-bodies", title: "CPU-heavy bodies on 48 connections, Redis under `allow`",
			env: []string{"OFFLOAD_LIMITER_ON_OUTAGE=allow",
				"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=8"},
			redis: true, limit: 8, floor: 100,
			attack: order{Kind: "heavy-bodies", Connections: 48}},
	}...)
	for i := range all {
		all[i].attack.Connections = min(all[i].attack.Connections, files-ownFiles)
	}
	return all
}
