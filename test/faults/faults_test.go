package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offload/sessiond/test/harness/redisserver"
)

// fault is a way in which the shared storage fails.
type fault struct {
	name string
	// start starts the storage.
	start func(testing.TB) *store
	// inject makes the fault happen, and heal ends it. Both return when that is done.
	inject func(t testing.TB, w *world)
	heal   func(t testing.TB, w *world)
	// losesData means that grants made before may be forgotten.
	losesData bool
	// harmless means that every decision stays shared, and that no outage is reported.
	harmless bool
	// oneReplica means that only the first replica is affected.
	oneReplica bool
	// partial means that the storage may still decide for some subjects during the fault, so that
	// there may be several outages.
	partial bool
	// slow means that healing takes minutes. It is tested and not measured.
	slow bool
	// starves means that the fault is no fault of the storage: clients keep every processor busy.
	// TestLongStarvation tests it, with the shortest timeout that the storage keeps.
	starves bool
	// common means that the fault is in TestFaults, which every change has to pass.
	common bool
}

// The common faults are a crash, a new host, a hang, a slow network, a full server, and a failover
// behind one name. Each fails in another way: by refused connections, lost data, silence, replies
// that come too late, replies that are errors, and errors that only another connection ends.
var faults = []fault{
	{
		name: "killed, back with its data", common: true, start: oneServer,
		inject: func(_ testing.TB, w *world) { w.server.Kill() },
		heal:   func(t testing.TB, w *world) { w.server.Restart(t) },
	},
	{
		name: "killed, back empty", common: true, start: oneServer, losesData: true,
		inject: func(_ testing.TB, w *world) { w.server.Kill() },
		heal:   func(t testing.TB, w *world) { w.server.RestartEmpty(t) },
	},
	{
		name: "hangs, then runs what came too late", common: true, start: oneServer,
		inject: func(t testing.TB, w *world) { w.server.Hang(t) },
		heal:   func(t testing.TB, w *world) { w.server.Resume(t) },
	},
	{
		name: "answers later than the timeout", common: true, start: behindProxy,
		inject: func(_ testing.TB, w *world) {
			w.proxy.set(network{delay: 2 * w.timeout})
		},
		heal: func(t testing.TB, w *world) { w.proxy.heal(t) },
	},
	{
		name: "memory full", common: true, start: oneServer,
		inject: func(t testing.TB, w *world) { fill(t, w.server) },
		heal:   func(t testing.TB, w *world) { unfill(t, w.server) },
	},
	{
		name: "failover behind a name: the old master answers READONLY", common: true,
		start: behindName, losesData: true,
		inject: func(t testing.TB, w *world) {
			w.other.Do(t, "REPLICAOF", "NO", "ONE")
			replicate(t, w.server, w.other)
		},
		heal: func(_ testing.TB, w *world) { w.leadToOther() },
	},
	{
		name: "memory full, ended by another server behind the name", start: behindName,
		losesData: true,
		inject:    func(t testing.TB, w *world) { fill(t, w.server) },
		heal: func(t testing.TB, w *world) {
			w.promote(t)
			unfill(t, w.server)
		},
	},
	{
		name: "too few replicas, ended by another server behind the name", start: behindName,
		losesData: true,
		inject: func(t testing.TB, w *world) {
			w.server.Do(t, "CONFIG", "SET", "min-replicas-to-write", "2")
		},
		heal: func(t testing.TB, w *world) { w.promote(t) },
	},
	{
		// Nothing fails. The replicas follow within the life of a connection, not all at once.
		name: "name moved to another writable server", start: behindName, harmless: true,
		losesData: true, slow: true,
		inject: func(t testing.TB, w *world) { w.promote(t) },
		heal:   func(t testing.TB, w *world) { w.awaitMove(t) },
	},
	{
		name: "none, but clients keep every processor busy", start: oneServer, harmless: true,
		starves: true,
		inject:  startRush,
		heal:    func(t testing.TB, w *world) { w.rush.stop(t) },
	},
	{
		name:   "over TLS with a client certificate: killed, back with its data",
		start:  withClientCertificate,
		inject: func(_ testing.TB, w *world) { w.server.Kill() },
		heal:   func(t testing.TB, w *world) { w.server.Restart(t) },
	},
	{
		name:  "Sentinel with a user of its own: the master killed, its replica takes over",
		start: underSentinel, losesData: true,
		inject: func(_ testing.TB, w *world) { w.server.Kill() },
		heal: func(t testing.TB, w *world) {
			w.sentinel.DetectMasterFailure(t)
			w.server = w.other
		},
	},
	{
		name: "answers late, within the timeout", start: behindProxy, harmless: true,
		inject: func(_ testing.TB, w *world) {
			w.proxy.set(network{delay: min(w.timeout/4, maxDelay)})
		},
		heal: func(t testing.TB, w *world) { w.proxy.heal(t) },
	},
	{
		name: "forgets its scripts", start: oneServer, harmless: true,
		inject: func(t testing.TB, w *world) { w.server.Do(t, "SCRIPT", "FLUSH") },
		heal:   func(t testing.TB, w *world) { w.server.Do(t, "SCRIPT", "FLUSH") },
	},
	{
		name: "answers cut off in the middle", start: behindProxy,
		inject: func(_ testing.TB, w *world) {
			w.proxy.set(network{cutAfter: 10})
		},
		heal: func(t testing.TB, w *world) { w.proxy.heal(t) },
	},
	{
		name: "connections reset", start: behindProxy,
		inject: func(_ testing.TB, w *world) {
			w.proxy.set(network{reset: true})
		},
		heal: func(t testing.TB, w *world) { w.proxy.heal(t) },
	},
	{
		name: "black hole", start: behindProxy,
		inject: func(_ testing.TB, w *world) {
			w.proxy.set(network{discard: true})
		},
		heal: func(t testing.TB, w *world) { w.proxy.heal(t) },
	},
	{
		name: "out of one replica's reach", start: oneBehindProxy, oneReplica: true,
		inject: func(_ testing.TB, w *world) {
			w.proxy.set(network{discard: true})
		},
		heal: func(t testing.TB, w *world) { w.proxy.heal(t) },
	},
	{
		// It loses the grants that had not reached the other server yet.
		name: "demoted to a read-only replica", start: withReplica, losesData: true,
		inject: func(t testing.TB, w *world) {
			w.other.Do(t, "REPLICAOF", "NO", "ONE")
			replicate(t, w.server, w.other)
		},
		heal: func(t testing.TB, w *world) { w.server.Do(t, "REPLICAOF", "NO", "ONE") },
	},
	{
		name: "password changed", start: oneServer,
		inject: func(t testing.TB, w *world) {
			w.server.Do(t, "ACL", "SETUSER", user, "resetpass", ">another-"+password)
			w.server.Do(t, "CLIENT", "KILL", "USER", user)
		},
		heal: func(t testing.TB, w *world) {
			w.server.Do(t, "ACL", "SETUSER", user, "resetpass", ">"+password)
		},
	},
	{
		name: "full of connections", start: oneServer,
		inject: func(t testing.TB, w *world) {
			w.held = hold(t, w.server)
			w.held.send(t, "CONFIG SET maxclients 1")
			w.held.send(t, "CLIENT KILL USER "+user)
		},
		heal: func(t testing.TB, w *world) { w.held.send(t, "CONFIG SET maxclients 1000") },
	},
	{
		name: "clock stepped back an hour", start: onClock, harmless: true,
		inject: func(t testing.TB, w *world) {
			w.stepped = time.Hour
			w.clock.Step(t, -w.stepped)
		},
		heal: func(testing.TB, *world) {}, // the clock stays as it is
	},
	{
		name: "cluster: a master killed, back with its data", start: newCluster, partial: true,
		inject: func(t testing.TB, w *world) {
			w.server.Kill()
			w.cluster.DetectFailures(t)
		},
		heal: func(t testing.TB, w *world) {
			w.server.Restart(t)
			w.cluster.Settle(t)
		},
	},
	{
		name: "cluster: a master hangs", start: newCluster, partial: true,
		inject: func(t testing.TB, w *world) {
			w.server.Hang(t)
			w.cluster.DetectFailures(t)
		},
		heal: func(t testing.TB, w *world) {
			w.server.Resume(t)
			w.cluster.Settle(t)
		},
	},
	{
		name: "cluster: a master's memory full", start: newCluster, partial: true,
		inject: func(t testing.TB, w *world) { fill(t, w.server) },
		heal:   func(t testing.TB, w *world) { unfill(t, w.server) },
	},
	{
		name: "cluster: scripts forgotten", start: newCluster, harmless: true,
		inject: flushScripts,
		heal:   func(t testing.TB, w *world) { flushScripts(t, w) },
	},
	{
		name: "cluster: a master killed, its replica takes over", start: newClusterWithReplicas,
		partial: true, losesData: true,
		inject: func(t testing.TB, w *world) {
			w.server.Kill()
			w.cluster.DetectFailures(t)
		},
		heal: func(t testing.TB, w *world) {
			w.cluster.AwaitFailover(t, 0)
			w.cluster.Settle(t)
		},
	},
}

// maxDelay bounds the delay of replies that arrive within the timeout, so that the load keeps its
// pace.
const maxDelay = 250 * time.Millisecond

// full is the size of the value that fills a server. The memory limit is lowered to the same size,
// so that the server's other data is too much.
const full = 8 << 20

// fill fills a server's memory. The server keeps its data.
func fill(t testing.TB, server *redisserver.Server) {
	t.Helper()
	server.Do(t, "SET", filling, strings.Repeat("x", full))
	server.Do(t, "CONFIG", "SET", "maxmemory", fmt.Sprint(full))
}

func unfill(t testing.TB, server *redisserver.Server) {
	t.Helper()
	server.Do(t, "DEL", filling)
}

// filling is the key of the value that fills a server. In a Cluster of three it belongs to the
// first master.
const filling = "filling{3}"

func flushScripts(t testing.TB, w *world) {
	for _, node := range w.nodes() {
		node.Do(t, "SCRIPT", "FLUSH")
	}
}
