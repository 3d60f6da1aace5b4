package faults_test

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/pki"
)

// The user and password that the replicas use. The tests use the default user, which needs no
// password.
const (
	user     = "limiter"
	password = "pw-Zq81xTn4vKd0sWmB"
)

// store is the storage that replicas share.
type store struct {
	// addresses are the addresses that the replicas use, by replica.
	addresses [2]string
	// server is the only server, or the node of a Cluster that the fault affects.
	server *redisserver.Server
	// other is a server that can take its place.
	other   *redisserver.Server
	cluster *redisserver.Cluster
	proxy   *proxy
	clock   *redisserver.Clock
	// sentinel watches the server, where the replicas find it that way.
	sentinel *redisserver.Server
	// scheme and query are parts of the URL; an empty scheme means redis.
	scheme, query string
	// env is what replicas need beside the URL.
	env harness.Env
	// stepped is how far the server's clock was stepped back. Keys written before live longer by
	// it.
	stepped time.Duration
	// held is a connection of the test, for commands while the server accepts no other connection.
	held *heldConn
}

// url returns the storage's URL for a replica, with that password.
func (s *store) url(replica int, password string) string {
	return cmp.Or(s.scheme, "redis") + "://" + user + ":" + password + "@" + s.addresses[replica] +
		s.query
}

// nodes returns the servers that hold keys.
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

// documentation is where operators read which permissions the service's user needs.
const documentation = "../../cmd/sessiond"

// permissions match the permissions that the documentation gives the user, and that of Sentinels.
var (
	permissions         = regexp.MustCompile(`(?m)^ACL SETUSER sessiond on >PASSWORD (~.*)$`)
	sentinelPermissions = regexp.MustCompile(`(?m)^ACL SETUSER sessiond on >PASSWORD (resetchannels .*)$`)
)

// documentedPermissions returns the permissions that the documentation gives a user, which must
// stand in one place.
func documentedPermissions(t testing.TB, permissions *regexp.Regexp) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(documentation,
		func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			page, err := os.ReadFile(path)
			for _, match := range permissions.FindAllStringSubmatch(string(page), -1) {
				found = append(found, match[1])
			}
			return err
		}))
	require.Len(t, found, 1, "ACL SETUSER lines in the documentation")
	return strings.Fields(found[0])
}

// settings returns the settings of every server. The operating system has each write before the
// reply is sent, so that a killed server comes back with everything that it granted. Waiting for
// the disk would guard only against a crash of the machine, and would make a busy disk look like an
// outage.
func settings(t testing.TB) []string {
	t.Helper()
	own := []string{"--appendonly", "yes", "--appendfsync", "no", "--repl-diskless-sync-delay", "0",
		"--user", user, "on", ">" + password}
	return append(own, documentedPermissions(t, permissions)...)
}

func oneServer(t testing.TB) *store {
	server := redisserver.Start(t, settings(t)...)
	return &store{server: server, addresses: [2]string{server.Addr(), server.Addr()}}
}

// behindProxy starts a server that the replicas reach through a proxy.
func behindProxy(t testing.TB) *store {
	s := oneServer(t)
	s.proxy = startProxy(t, s.server.Addr())
	s.addresses = [2]string{s.proxy.address(), s.proxy.address()}
	return s
}

// oneBehindProxy starts a server that one replica reaches through a proxy, and the other directly.
func oneBehindProxy(t testing.TB) *store {
	s := oneServer(t)
	s.proxy = startProxy(t, s.server.Addr())
	s.addresses[0] = s.proxy.address()
	return s
}

// withReplica starts a server that another one replicates.
func withReplica(t testing.TB) *store {
	s := oneServer(t)
	s.other = redisserver.Start(t, settings(t)...)
	replicate(t, s.other, s.server)
	return s
}

// behindName starts a server that another one replicates, behind a proxy that can be made to lead
// to the other.
func behindName(t testing.TB) *store {
	s := withReplica(t)
	s.proxy = startProxy(t, s.server.Addr())
	s.addresses = [2]string{s.proxy.address(), s.proxy.address()}
	return s
}

// promote makes the other server a master and lets the name lead to it.
func (s *store) promote(t testing.TB) {
	t.Helper()
	s.other.Do(t, "REPLICAOF", "NO", "ONE")
	s.leadToOther()
}

// leadToOther lets the name lead to the other server.
func (s *store) leadToOther() {
	s.proxy.leadTo(s.other.Addr())
	s.server, s.other = s.other, s.server
}

// awaitMove waits until the replicas have left the other server, which they do within the life of
// their connections.
func (s *store) awaitMove(t testing.TB) {
	t.Helper()
	const life = 5 * time.Minute
	deadline := time.Now().Add(life + harness.Timeout)
	for {
		answer := s.other.Do(t, "CLIENT", "LIST")
		list, err := answer.ToString()
		require.NoError(t, err)
		if !strings.Contains(list, "user="+user+" ") {
			return
		}
		require.True(t, time.Now().Before(deadline),
			"timed out waiting for the replicas to leave the old server:\n%s", list)
		time.Sleep(time.Second)
	}
}

// withClientCertificate starts a server that speaks TLS and requires a certificate of clients.
func withClientCertificate(t testing.TB) *store {
	pair, client := pki.New(t, "127.0.0.1"), pki.New(t, "client")
	server, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair, Client: &client},
		settings(t)...)
	folder := t.TempDir()
	authority, _ := pair.Write(t, t.TempDir())
	chain, key := client.Write(t, folder)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	return &store{server: server, scheme: "rediss", addresses: [2]string{address, address},
		env: harness.Env{"OFFLOAD_REDIS_TLS_CA_FILE": authority,
			"OFFLOAD_REDIS_TLS_CERT_FILE": chain, "OFFLOAD_REDIS_TLS_KEY_FILE": key}}
}

// sentinelUser and sentinelPassword are what the replicas need at the Sentinel. The tests' own user
// may do nothing there that the replicas have to.
const (
	sentinelUser     = "watcher"
	sentinelPassword = "pw-Lm47rYq0Xc8uTeHs"
)

// underSentinel starts a server that another one replicates, and a Sentinel that requires a user of
// its own.
func underSentinel(t testing.TB) *store {
	s := withReplica(t)
	args := []string{"--user", "default", "on", "nopass", "-@all", "+hello", "+client",
		"+sentinel|failover", "--user", sentinelUser, "on", ">" + sentinelPassword}
	s.sentinel = redisserver.StartSentinel(t, s.server,
		append(args, documentedPermissions(t, sentinelPermissions)...)...)
	s.sentinel.Await(t, "+slave slave")
	s.addresses = [2]string{s.sentinel.Addr(), s.sentinel.Addr()}
	s.query = "?master_set=" + redisserver.MasterSet
	s.env = harness.Env{"OFFLOAD_REDIS_SENTINEL_USERNAME": sentinelUser,
		"OFFLOAD_REDIS_SENTINEL_PASSWORD": sentinelPassword}
	return s
}

// onClock starts a server whose clock the test steps.
func onClock(t testing.TB) *store {
	server, clock := redisserver.StartOnClock(t, settings(t)...)
	return &store{server: server, clock: clock, addresses: [2]string{server.Addr(), server.Addr()}}
}

// newCluster starts a Cluster of three masters. The fault affects the first of them; the replicas
// get the addresses of the others.
func newCluster(t testing.TB) *store {
	cluster := redisserver.StartCluster(t, 3, settings(t)...)
	seeds := [2]string{cluster.Masters[1].Addr(), cluster.Masters[2].Addr()}
	return &store{cluster: cluster, server: cluster.Masters[0], addresses: seeds}
}

// newClusterWithReplicas starts a Cluster in which each master has a replica.
func newClusterWithReplicas(t testing.TB) *store {
	s := newCluster(t)
	s.cluster.AddReplicas(t, settings(t)...)
	return s
}

// replicate makes a server the replica of master, and waits until it has the master's data.
func replicate(t testing.TB, server, master *redisserver.Server) {
	t.Helper()
	server.Do(t, "REPLICAOF", "127.0.0.1", fmt.Sprint(master.Port))
	harness.Poll(t, "the replica is in sync with its master", func() bool {
		return strings.Contains(info(t, server, "replication"), "master_link_status:up")
	})
}

func info(t testing.TB, server *redisserver.Server, section string) string {
	t.Helper()
	answer := server.Do(t, "INFO", section)
	text, err := answer.ToString()
	require.NoError(t, err)
	return text
}

// heldConn is a connection to a server that stays open.
type heldConn struct {
	net.Conn
	reader *bufio.Reader
}

func hold(t testing.TB, server *redisserver.Server) *heldConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", server.Addr(), harness.Timeout)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &heldConn{Conn: conn, reader: bufio.NewReader(conn)}
}

// send sends the server a command, which must succeed.
func (h *heldConn) send(t testing.TB, command string) {
	t.Helper()
	require.NoError(t, h.SetDeadline(time.Now().Add(harness.Timeout)))
	_, err := h.Write([]byte(command + "\r\n"))
	require.NoError(t, err, "%s", command)
	reply, err := h.reader.ReadString('\n')
	require.NoError(t, err, "%s", command)
	require.NotContains(t, reply, "-ERR", "%s", command)
}
