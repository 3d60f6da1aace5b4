package redis_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestFollowsSentinelFailover fails over to a replica that has the grants. The storage then uses
// that replica.
func TestFollowsSentinelFailover(t *testing.T) {
	master := redisserver.Start(t, "--repl-diskless-sync-delay", "0")
	replica := redisserver.Start(t)
	replica.Do(t, "REPLICAOF", "127.0.0.1", fmt.Sprint(master.Port))
	replica.Await(t, "sync: Finished with success")
	sentinel := redisserver.StartSentinel(t, master)
	sentinel.Await(t, "+slave slave")
	storage := open(t, sentinel.URL()+"?master_set="+redisserver.MasterSet, patient)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
	master.Do(t, "WAIT", "1", "0")
	master.Kill()
	sentinel.DetectMasterFailure(t)
	sentinel.Await(t, "+switch-master")
	assert.Equal(t, 2, remaining(t, storage, hour(1, 4)))
}

// TestUsesSentinelUser connects to a Sentinel with one user, which the master does not know.
func TestUsesSentinelUser(t *testing.T) {
	master := redisserver.Start(t, "--requirepass", password)
	sentinel := redisserver.StartSentinel(t, master, "--user", "default", "off", "--user",
		"watcher", "on", ">"+ofSentinel, "&*", "+@all")
	server := serverAt(t, "redis://:"+password+"@"+sentinel.Addr()+"?master_set="+
		redisserver.MasterSet, patient)
	failed := fails(t, open(t, "redis://:"+password+"@"+sentinel.Addr()+"?master_set="+
		redisserver.MasterSet, patient), hour(1, 4))
	assert.Equal(t, "WRONGPASS", failed.Detail)
	server.URL = server.URL.WithSentinelUser("watcher", ofSentinel)
	storage := redis.New(server)
	t.Cleanup(func() { end(t, storage) })
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
	assert.NotContains(t, fmt.Sprintf("%+v %#v", server, &server), ofSentinel)
}

// ofSentinel is the password of a Sentinel's user.
const ofSentinel = "pw-of-the-sentinel"

// TestKeepsKeyPrefixAsGiven keeps the grants of storages with different prefixes apart. On a
// Cluster, a prefix in braces puts all keys into one slot.
func TestKeepsKeyPrefixAsGiven(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	for _, prefix := range []string{"{limits}:", "a prefix/", ""} {
		server := serverAt(t, cluster.URL(), patient)
		server.KeyPrefix = prefix
		storage := redis.New(server)
		t.Cleanup(func() { end(t, storage) })
		decision := answers(t, storage, hour(1, 4), hour(2, 4))
		assert.Equal(t, 3, decision.At(0).Remaining)
		found := 0
		for _, node := range cluster.Masters {
			answer := node.Do(t, "KEYS", prefix+"*")
			keys, err := answer.ToArray()
			require.NoError(t, err)
			found = max(found, len(keys))
		}
		assert.Positive(t, found)
		if prefix == "{limits}:" {
			assert.Equal(t, 2, found, "keys on one node")
		}
	}
}
