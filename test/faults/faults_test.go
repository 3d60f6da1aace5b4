package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offload/sessiond/test/harness/redisserver"
)

// fault is something that happens to the shared storage.
type fault struct {
	name string
	// begin starts the storage.
	begin func(testing.TB) *store
	// breaks has the fault happen, and mends ends it. Both return when it is done. timeout is the
	// longest that a replica waits.
	breaks func(t testing.TB, s *store, timeout time.Duration)
	mends  func(testing.TB, *store)
	// loses: what was granted before may be forgotten.
	loses bool
	// harmless: every decision is shared all the while, and nobody hears of it.
	harmless bool
	// lonely: it happens to the first replica alone.
	lonely bool
	// comesAndGoes: while it lasts the storage may be well for some subjects, so that there may be
	// several outages.
	comesAndGoes bool
	// common: it is among those that every change has to pass.
	common bool
}

// The commonest are a crash, a host that is new, one that hangs, a network that is slow, and a
// server that is full: each fails in another way, by refused connections, by lost data, by silence,
// by answers that come too late, and by answers that are errors.
var faults = []fault{
	{
		name: "killed, back with its data", common: true, begin: oneServer,
		breaks: func(_ testing.TB, s *store, _ time.Duration) { s.server.Kill() },
		mends:  func(t testing.TB, s *store) { s.server.Restart(t) },
	},
	{
		name: "killed, back empty", common: true, begin: oneServer, loses: true,
		breaks: func(_ testing.TB, s *store, _ time.Duration) { s.server.Kill() },
		mends:  func(t testing.TB, s *store) { s.server.RestartEmpty(t) },
	},
	{
		name: "hangs, then runs what came too late", common: true, begin: oneServer,
		breaks: func(t testing.TB, s *store, _ time.Duration) { s.server.Hang(t) },
		mends:  func(t testing.TB, s *store) { s.server.Resume(t) },
	},
	{
		name: "answers later than the timeout", common: true, begin: behindProxy,
		breaks: func(_ testing.TB, s *store, timeout time.Duration) {
			s.proxy.disturb(disturbance{delay: 2 * timeout})
		},
		mends: func(_ testing.TB, s *store) { s.proxy.heal() },
	},
	{
		name: "memory full", common: true, begin: oneServer,
		breaks: func(t testing.TB, s *store, _ time.Duration) { fill(t, s.server) },
		mends:  func(t testing.TB, s *store) { empty(t, s.server) },
	},
	{
		name: "answers late, within the timeout", begin: behindProxy, harmless: true,
		breaks: func(_ testing.TB, s *store, timeout time.Duration) {
			s.proxy.disturb(disturbance{delay: min(timeout/4, 250*time.Millisecond)})
		},
		mends: func(_ testing.TB, s *store) { s.proxy.heal() },
	},
	{
		name: "forgets its scripts", begin: oneServer, harmless: true,
		breaks: func(t testing.TB, s *store, _ time.Duration) { s.server.Do(t, "SCRIPT", "FLUSH") },
		mends:  func(t testing.TB, s *store) { s.server.Do(t, "SCRIPT", "FLUSH") },
	},
	{
		name: "answers cut off in the middle", begin: behindProxy,
		breaks: func(_ testing.TB, s *store, _ time.Duration) {
			s.proxy.disturb(disturbance{cutAfter: 10})
		},
		mends: func(_ testing.TB, s *store) { s.proxy.heal() },
	},
	{
		name: "connections reset", begin: behindProxy,
		breaks: func(_ testing.TB, s *store, _ time.Duration) {
			s.proxy.disturb(disturbance{reset: true})
		},
		mends: func(_ testing.TB, s *store) { s.proxy.heal() },
	},
	{
		name: "black hole", begin: behindProxy,
		breaks: func(_ testing.TB, s *store, _ time.Duration) {
			s.proxy.disturb(disturbance{silent: true})
		},
		mends: func(_ testing.TB, s *store) { s.proxy.heal() },
	},
	{
		name: "out of one replica's reach", begin: oneBehindProxy, lonely: true,
		breaks: func(_ testing.TB, s *store, _ time.Duration) {
			s.proxy.disturb(disturbance{silent: true})
		},
		mends: func(_ testing.TB, s *store) { s.proxy.heal() },
	},
	{
		// of its grants those that had not reached the other yet
		name: "demoted to a read-only replica", begin: withAnother, loses: true,
		breaks: func(t testing.TB, s *store, _ time.Duration) {
			s.other.Do(t, "REPLICAOF", "NO", "ONE")
			follow(t, s.server, s.other)
		},
		mends: func(t testing.TB, s *store) { s.server.Do(t, "REPLICAOF", "NO", "ONE") },
	},
	{
		name: "password changed", begin: oneServer,
		breaks: func(t testing.TB, s *store, _ time.Duration) {
			s.server.Do(t, "ACL", "SETUSER", user, "resetpass", ">another-"+password)
			s.server.Do(t, "CLIENT", "KILL", "USER", user)
		},
		mends: func(t testing.TB, s *store) {
			s.server.Do(t, "ACL", "SETUSER", user, "resetpass", ">"+password)
		},
	},
	{
		name: "full of connections", begin: oneServer,
		breaks: func(t testing.TB, s *store, _ time.Duration) {
			s.held = hold(t, s.server)
			s.held.say(t, "CONFIG SET maxclients 1")
			s.held.say(t, "CLIENT KILL USER "+user)
		},
		mends: func(t testing.TB, s *store) { s.held.say(t, "CONFIG SET maxclients 1000") },
	},
	{
		name: "clock stepped back an hour", begin: onClock, harmless: true,
		breaks: func(t testing.TB, s *store, _ time.Duration) {
			s.stepped = time.Hour
			s.clock.Step(t, -s.stepped)
		},
		mends: func(testing.TB, *store) {}, // it stays so
	},
	{
		name: "cluster: a master killed, back with its data", begin: aCluster, comesAndGoes: true,
		breaks: func(_ testing.TB, s *store, _ time.Duration) { s.server.Kill() },
		mends: func(t testing.TB, s *store) {
			s.server.Restart(t)
			s.awaitCluster(t)
		},
	},
	{
		name: "cluster: a master hangs", begin: aCluster, comesAndGoes: true,
		breaks: func(t testing.TB, s *store, _ time.Duration) { s.server.Hang(t) },
		mends: func(t testing.TB, s *store) {
			s.server.Resume(t)
			s.awaitCluster(t)
		},
	},
	{
		name: "cluster: a master's memory full", begin: aCluster, comesAndGoes: true,
		breaks: func(t testing.TB, s *store, _ time.Duration) { fill(t, s.server) },
		mends:  func(t testing.TB, s *store) { empty(t, s.server) },
	},
	{
		name: "cluster: scripts forgotten", begin: aCluster, harmless: true,
		breaks: forgetAll,
		mends:  func(t testing.TB, s *store) { forgetAll(t, s, 0) },
	},
	{
		name: "cluster: a master killed, its replica takes over", begin: aClusterWithReplicas,
		comesAndGoes: true, loses: true,
		breaks: func(_ testing.TB, s *store, _ time.Duration) { s.server.Kill() },
		mends: func(t testing.TB, s *store) {
			s.cluster.AwaitFailover(t, 0)
			s.awaitCluster(t)
		},
	},
}

// full is what a server is filled with: as much as its limit is lowered to, so that what else it
// holds is too much.
const full = 8 << 20

// fill fills a server's memory. It keeps what it has.
func fill(t testing.TB, server *redisserver.Server) {
	t.Helper()
	server.Do(t, "SET", filling, strings.Repeat("x", full))
	server.Do(t, "CONFIG", "SET", "maxmemory", fmt.Sprint(full))
}

func empty(t testing.TB, server *redisserver.Server) {
	t.Helper()
	server.Do(t, "DEL", filling)
}

// filling is a key that any server of its own may hold, and the first of three masters too.
const filling = "filling{3}"

func forgetAll(t testing.TB, s *store, _ time.Duration) {
	for _, node := range s.nodes() {
		node.Do(t, "SCRIPT", "FLUSH")
	}
}
