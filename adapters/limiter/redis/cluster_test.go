package redis_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// at is an ask whose grants lie on the master of that index, one of several such.
func at(t *testing.T, cluster *redisserver.Cluster, storage *redis.Storage, master, which,
	limit int) throttle.Check {
	t.Helper()
	for number := range byte(255) {
		of := hour(number, limit)
		answer := cluster.Masters[0].Do(t, "CLUSTER", "KEYSLOT", storage.Key(of))
		slot, err := answer.AsInt64()
		require.NoError(t, err)
		if int(slot)*len(cluster.Masters)/16384 != master {
			continue
		}
		if which--; which < 0 {
			return of
		}
	}
	require.Fail(t, "no such subject")
	return throttle.Check{}
}

// counted is how many grants of an ask count: read by one more, which the limit must leave room
// for.
func counted(t *testing.T, storage *redis.Storage, of throttle.Check) int {
	t.Helper()
	return of.Limit - 1 - left(t, storage, of)
}

func TestClusterSpreadsSubjects(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	storage := open(t, cluster.URL(), patient)
	for number := range byte(60) {
		decision := decide(t, storage, 0, hour(number, 4), hour(number+100, 4))
		assert.Equal(t, 3, decision.At(0).Remaining)
		assert.Equal(t, 3, decision.At(1).Remaining)
	}
	total := int64(0)
	for _, master := range cluster.Masters {
		answer := master.Do(t, "DBSIZE")
		keys, err := answer.AsInt64()
		require.NoError(t, err)
		assert.Greater(t, keys, int64(10))
		total += keys
	}
	assert.EqualValues(t, 120, total)
}

// TestClusterHammering has a blocked installation ask from many callers at once: its address, which
// lies on another node, keeps all it has.
func TestClusterHammering(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	storage := open(t, cluster.URL(), patient)
	address, install := at(t, cluster, storage, 0, 0, 1000), at(t, cluster, storage, 1, 0, 4)
	for range 4 {
		decide(t, storage, 0, install)
	}
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 25 {
				decision := decide(t, storage, 0, address, install)
				assert.Equal(t, 1000, decision.At(0).Remaining)
				assert.True(t, decision.Refused())
			}
		})
	}
	group.Wait()
	answer := cluster.Masters[0].Do(t, "DBSIZE")
	keys, err := answer.AsInt64()
	require.NoError(t, err)
	assert.Zero(t, keys, "nothing was ever written for the address")
}

// TestClusterRaces has many callers find room for the last grants of an installation at once. All
// look before any takes, so that most find it gone only after they took a grant of the address,
// which they give back.
func TestClusterRaces(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	for round := range 20 {
		storage := open(t, cluster.URL(), patient)
		address, install := at(t, cluster, storage, 0, round, 1000),
			at(t, cluster, storage, 1, round, 4)
		var group sync.WaitGroup
		begin := make(chan struct{})
		for range 32 {
			group.Go(func() {
				<-begin
				decide(t, storage, 0, address, install)
			})
		}
		close(begin)
		group.Wait()
		decision := decide(t, storage, 0, install)
		require.True(t, decision.Refused())
		require.Equal(t, 4, counted(t, storage, address), "round %d", round)
	}
	took := false
	for _, master := range cluster.Masters {
		answer := master.Do(t, "INFO", "commandstats")
		stats, err := answer.ToString()
		require.NoError(t, err)
		took = took || strings.Contains(stats, "cmdstat_del:") ||
			strings.Contains(stats, "cmdstat_setrange:")
	}
	assert.True(t, took, "no grant was ever taken back: the race did not happen")
}

// TestClusterSecondFails has the node of the second subject fail when it is written to: the first
// gets its grant back.
func TestClusterSecondFails(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	storage := open(t, cluster.URL(), patient)
	address, install := at(t, cluster, storage, 0, 0, 1000), at(t, cluster, storage, 1, 0, 4)
	decide(t, storage, 0, address, install)
	cluster.Masters[1].Do(t, "CONFIG", "SET", "maxmemory", "1")
	for range 5 {
		assert.Equal(t, "OOM", fails(t, storage, address, install).Detail)
	}
	cluster.Masters[1].Do(t, "CONFIG", "SET", "maxmemory", "0")
	decision := decide(t, storage, 0, address, install)
	assert.Equal(t, 998, decision.At(0).Remaining)
	assert.Equal(t, 2, decision.At(1).Remaining)
}

// TestClusterNodeHangs: what needs the node fails by the timeout and takes nothing elsewhere, what
// needs it not goes on.
func TestClusterNodeHangs(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	patiently := open(t, cluster.URL(), patient)
	address, install := at(t, cluster, patiently, 0, 0, 1000), at(t, cluster, patiently, 1, 0, 4)
	decide(t, patiently, 0, address, install)
	storage := open(t, cluster.URL(), 100*time.Millisecond)
	answers(t, storage, address)
	cluster.Masters[1].Hang(t)
	assert.Equal(t, redis.TimedOut, fails(t, storage, address, install).Reason)
	decision, err := storage.Decide(context.Background(), 0, throttle.NewChecks(address))
	cluster.Masters[1].Resume(t)
	require.NoError(t, err)
	assert.Equal(t, 997, decision.At(0).Remaining, "two were counted before, and this one")
}

func TestClusterFailover(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	cluster.AddReplicas(t)
	storage := open(t, cluster.URL(), patient)
	address, install := at(t, cluster, storage, 0, 0, 1000), at(t, cluster, storage, 1, 0, 4)
	decide(t, storage, 0, address, install)
	answer := cluster.Masters[1].Do(t, "WAIT", "1", "0")
	replicated, err := answer.AsInt64()
	require.NoError(t, err)
	require.EqualValues(t, 1, replicated)
	cluster.Masters[1].Kill()
	cluster.AwaitFailover(t, 1)
	decision := answers(t, storage, address, install)
	assert.Equal(t, 2, decision.At(1).Remaining, "the replica has what was replicated")
}
