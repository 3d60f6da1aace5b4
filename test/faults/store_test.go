package faults_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/redisserver"
)

// The user by whom replicas know the storage. The default user, whom the tests are, needs no
// password.
const (
	user     = "limiter"
	password = "pw-Zq81xTn4vKd0sWmB"
)

// store is the storage that replicas share.
type store struct {
	// addresses are what the replicas are told.
	addresses [2]string
	// server is the only one, or the one to which a cluster's fault happens.
	server *redisserver.Server
	// other is one that can take the server's place.
	other   *redisserver.Server
	cluster *redisserver.Cluster
	proxy   *proxy
	clock   *redisserver.Clock
	// stepped is how far its clock was stepped back: by so much longer do keys live that were
	// written before.
	stepped time.Duration
	// held is a connection of the test's own, by which it gives orders when there is room for no
	// other.
	held *held
}

// url is the storage's for a replica, with that password.
func (s *store) url(replica int, password string) string {
	return "redis://" + user + ":" + password + "@" + s.addresses[replica]
}

// nodes are the servers that hold keys.
func (s *store) nodes() []*redisserver.Server {
	if s.cluster == nil {
		return []*redisserver.Server{s.server}
	}
	var nodes []*redisserver.Server
	for _, node := range append(s.cluster.Masters, s.cluster.Replicas...) {
		if node.Running() {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// documented is where operators read what the service's user has to be allowed.
const documented = "../../cmd/sessiond/docs/limits.md"

// rights are those that the documentation gives the user, and no more.
var rights = regexp.MustCompile(`(?m)^ACL SETUSER sessiond on >PASSWORD (~.*)$`)

// settings are every server's. Each write is the system's before it is answered, so that a killed
// server comes back with all that it granted. To wait for the disk would guard against the end of
// the machine alone, and would let a busy one look like an outage.
func settings(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile(documented)
	require.NoError(t, err)
	found := rights.FindStringSubmatch(string(page))
	require.NotNil(t, found, "no rights are documented")
	own := []string{"--appendonly", "yes", "--appendfsync", "no", "--repl-diskless-sync-delay", "0",
		"--user", user, "on", ">" + password}
	return append(own, strings.Fields(found[1])...)
}

func oneServer(t testing.TB) *store {
	server := redisserver.Start(t, settings(t)...)
	return &store{server: server, addresses: [2]string{server.Addr(), server.Addr()}}
}

// behindProxy is a server that replicas reach through a proxy.
func behindProxy(t testing.TB) *store {
	s := oneServer(t)
	s.proxy = startProxy(t, s.server.Addr())
	s.addresses = [2]string{s.proxy.address(), s.proxy.address()}
	return s
}

// oneBehindProxy is a server that one replica reaches through a proxy, and the other directly.
func oneBehindProxy(t testing.TB) *store {
	s := oneServer(t)
	s.proxy = startProxy(t, s.server.Addr())
	s.addresses[0] = s.proxy.address()
	return s
}

// withAnother is a server that another one follows.
func withAnother(t testing.TB) *store {
	s := oneServer(t)
	s.other = redisserver.Start(t, settings(t)...)
	follow(t, s.other, s.server)
	return s
}

// onClock is a server whose clock the test steps.
func onClock(t testing.TB) *store {
	server, clock := redisserver.StartOnClock(t, settings(t)...)
	return &store{server: server, clock: clock, addresses: [2]string{server.Addr(), server.Addr()}}
}

// aCluster is one of three masters, the first of which is the server.
func aCluster(t testing.TB) *store {
	cluster := redisserver.StartCluster(t, 3, settings(t)...)
	seeds := [2]string{cluster.Masters[1].Addr(), cluster.Masters[2].Addr()} // the others are found
	return &store{cluster: cluster, server: cluster.Masters[0], addresses: seeds}
}

// aClusterWithReplicas is one in which each master has a replica.
func aClusterWithReplicas(t testing.TB) *store {
	s := aCluster(t)
	s.cluster.AddReplicas(t, settings(t)...)
	return s
}

// follow makes a server another's replica, and waits until it has its data.
func follow(t testing.TB, server, master *redisserver.Server) {
	t.Helper()
	server.Do(t, "REPLICAOF", "127.0.0.1", fmt.Sprint(master.Port))
	await(t, "the replica is linked", func() bool {
		return strings.Contains(info(t, server, "replication"), "master_link_status:up")
	})
}

// awaitCluster waits until all nodes that run agree that all slots are served.
func (s *store) awaitCluster(t testing.TB) {
	t.Helper()
	for _, node := range s.nodes() {
		await(t, "the cluster serves", func() bool {
			answer := node.Do(t, "CLUSTER", "INFO")
			text, err := answer.ToString()
			require.NoError(t, err)
			return strings.Contains(text, "cluster_state:ok")
		})
	}
}

func info(t testing.TB, server *redisserver.Server, section string) string {
	t.Helper()
	answer := server.Do(t, "INFO", section)
	text, err := answer.ToString()
	require.NoError(t, err)
	return text
}

// held is a connection to a server that stays.
type held struct {
	net.Conn
	reader *bufio.Reader
}

func hold(t testing.TB, server *redisserver.Server) *held {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &held{Conn: conn, reader: bufio.NewReader(conn)}
}

// say gives the server an order, which it must obey.
func (h *held) say(t testing.TB, order string) {
	t.Helper()
	_, err := h.Write([]byte(order + "\r\n"))
	require.NoError(t, err)
	answer, err := h.reader.ReadString('\n')
	require.NoError(t, err)
	require.NotContains(t, answer, "-ERR", "%s", order)
}
