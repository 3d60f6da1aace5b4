package redisserver

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slots is the number of slots of a Cluster.
const slots = 16384

// The node timeouts of a Cluster, in milliseconds. A node that a loaded machine keeps waiting must
// not look failed, so the timeout is short only while the Cluster forms, or has to notice a
// failure.
const (
	shortNodeTimeout = "1000"
	longNodeTimeout  = "3600000"
)

// Cluster is a Redis Cluster whose masters share the slots in equal parts.
type Cluster struct {
	Masters []*Server
	// Replicas has one replica of each master, in the same order, or is empty.
	Replicas []*Server
}

// StartCluster starts a Cluster of so many masters and waits until all agree that it serves. Every
// server gets args. Its nodes take no other for failed until DetectFailures.
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
	c.Settle(t)
	return c
}

// AddReplicas starts a replica of each master and waits until it has the master's data.
func (c *Cluster) AddReplicas(t testing.TB, args ...string) {
	t.Helper()
	for _, master := range c.Masters {
		replica := startNode(t, args)
		c.join(t, replica)
		replica.Await(t, "Cluster state changed: ok")
		answer := master.Do(t, "CLUSTER", "MYID")
		id, err := answer.ToString()
		require.NoError(t, err)
		replica.Do(t, "CLUSTER", "REPLICATE", id)
		replica.Await(t, "MASTER <-> REPLICA sync: Finished with success")
		c.Replicas = append(c.Replicas, replica)
	}
	c.Settle(t)
}

// URL names the first master only: clients discover the others.
func (c *Cluster) URL() string { return c.Masters[0].URL() }

func startNode(t testing.TB, args []string) *Server {
	t.Helper()
	own := []string{
		"--cluster-enabled", "yes", "--" + nodeTimeout, shortNodeTimeout,
		// A replica may take over however long ago it heard from its master.
		"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0",
		// None takes over before DetectFailures, however long a node is kept waiting.
		"--" + replicasStay, "yes",
	}
	return start(t, &Server{ready: ready, ports: map[string]int{busPort: 0},
		args: slices.Concat([]string{"--save", ""}, own, args)})
}

// The options that set the port of the bus, and whether replicas take over.
const (
	busPort      = "--cluster-port"
	replicasStay = "cluster-replica-no-failover"
)

// join makes a node meet the first one.
func (c *Cluster) join(t testing.TB, node *Server) {
	t.Helper()
	if len(c.Masters) == 0 {
		return
	}
	c.Masters[0].Do(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(node.Port),
		strconv.Itoa(node.ports[busPort]))
}

// DetectFailures makes the nodes that answer notice within about a second that another does not,
// until Settle.
func (c *Cluster) DetectFailures(t testing.TB) {
	t.Helper()
	c.set(t, replicasStay, "no")
	c.set(t, nodeTimeout, shortNodeTimeout)
}

// Settle waits until the nodes that run agree that all slots are served. From then on no node takes
// another for failed until DetectFailures.
func (c *Cluster) Settle(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(Timeout)
	c.set(t, replicasStay, "yes")
	for {
		// A node forgets that another failed after twice the timeout, so that has to be short here.
		c.set(t, nodeTimeout, shortNodeTimeout)
		for !c.serves(t) {
			require.True(t, time.Now().Before(deadline),
				"timed out waiting for all nodes to serve all slots:\n%s", c.logs())
			time.Sleep(20 * time.Millisecond)
		}
		c.set(t, nodeTimeout, longNodeTimeout)
		if c.serves(t) {
			return
		}
		require.True(t, time.Now().Before(deadline),
			"timed out waiting for all nodes to go on serving all slots:\n%s", c.logs())
	}
}

// AwaitFailover waits until the replica of a master, which must have failed, has taken its place.
func (c *Cluster) AwaitFailover(t testing.TB, master int) {
	t.Helper()
	c.DetectFailures(t)
	c.Replicas[master].Await(t, "Failover election won")
}

func (c *Cluster) nodes() []*Server { return slices.Concat(c.Masters, c.Replicas) }

const nodeTimeout = "cluster-node-timeout"

// set sets an option of every node that answers.
func (c *Cluster) set(t testing.TB, option, value string) {
	t.Helper()
	for _, node := range c.nodes() {
		if node.Running() && !node.hung {
			node.Do(t, "CONFIG", "SET", option, value)
		}
	}
}

// serves reports whether every node that runs sees all slots served by nodes that it knows to be
// well.
func (c *Cluster) serves(t testing.TB) bool {
	t.Helper()
	for _, node := range c.nodes() {
		if !node.Running() || node.hung {
			continue
		}
		answer := node.Do(t, "CLUSTER", "INFO")
		text, err := answer.ToString()
		require.NoError(t, err)
		for _, line := range []string{"cluster_state:ok\r\n", "cluster_slots_pfail:0\r\n",
			"cluster_slots_fail:0\r\n"} {
			if !strings.Contains(text, line) {
				return false
			}
		}
	}
	return true
}

func (c *Cluster) logs() string {
	var text strings.Builder
	for _, node := range c.nodes() {
		text.WriteString(node.Addr() + ":\n" + node.Log())
	}
	return text.String()
}
