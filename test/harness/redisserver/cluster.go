package redisserver

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// slots is how many slots a Cluster has.
const slots = 16384

// Cluster is a Redis Cluster whose masters share the slots in equal parts.
type Cluster struct {
	Masters []*Server
	// Replicas are one of each master, in the same order, where the cluster has them.
	Replicas []*Server
}

// StartCluster starts a Cluster of so many masters and waits until all agree that it serves. args
// are each server's.
func StartCluster(t testing.TB, masters int, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{}
	for i := range masters {
		master := startNode(t, args)
		from, to := i*slots/masters, (i+1)*slots/masters-1
		master.Do(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		master.Do(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to))
		c.join(t, master)
		c.Masters = append(c.Masters, master)
	}
	c.await(t, "Cluster state changed: ok")
	return c
}

// AddReplicas starts a replica of each master and waits until it has the master's data.
func (c *Cluster) AddReplicas(t testing.TB, args ...string) {
	t.Helper()
	for _, master := range c.Masters {
		replica := startNode(t, args)
		c.join(t, replica)
		require.True(t, replica.log.await("Cluster state changed: ok", replica.ended), "%s",
			replica.log)
		answer := master.Do(t, "CLUSTER", "MYID")
		id, err := answer.ToString()
		require.NoError(t, err)
		replica.Do(t, "CLUSTER", "REPLICATE", id)
		require.True(t, replica.log.await("MASTER <-> REPLICA sync: Finished with success",
			replica.ended), "%s", replica.log)
		c.Replicas = append(c.Replicas, replica)
	}
}

// URL names the first master alone: clients find the others.
func (c *Cluster) URL() string { return c.Masters[0].URL() }

func startNode(t testing.TB, args []string) *Server {
	t.Helper()
	own := []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
		"--repl-diskless-sync-delay", "0",
		"--cluster-port", strconv.Itoa(freePort(t))}
	return Start(t, append(own, args...)...)
}

// join has a node meet the first one.
func (c *Cluster) join(t testing.TB, node *Server) {
	t.Helper()
	if len(c.Masters) == 0 {
		return
	}
	bus := "0"
	for i, arg := range node.args {
		if arg == "--cluster-port" {
			bus = node.args[i+1]
		}
	}
	c.Masters[0].Do(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(node.Port), bus)
}

func (c *Cluster) await(t testing.TB, words string) {
	t.Helper()
	for i, node := range c.Masters {
		require.True(t, node.log.await(words, node.ended), "node %d: %s", i, node.log)
	}
}

// AwaitFailover waits until the replica of a master has taken its place.
func (c *Cluster) AwaitFailover(t testing.TB, master int) {
	t.Helper()
	replica := c.Replicas[master]
	require.True(t, replica.log.await("Failover election won", replica.ended), "%s", replica.log)
}
