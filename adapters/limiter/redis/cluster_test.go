package redis_test

import (
	"context"
	"fmt"
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

// at returns a check whose grants lie on the master of that index; which selects one of several.
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
	require.Fail(t, "no subject is stored on that master")
	return throttle.Check{}
}

// counted returns how many grants of a check count. It takes one more, for which the limit must
// leave room.
func counted(t *testing.T, storage *redis.Storage, of throttle.Check) int {
	t.Helper()
	return of.Limit - 1 - remaining(t, storage, of)
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

// TestClusterRefusalTakesNothing sends many concurrent requests of an installation that is out of
// grants. Its address, whose grants lie on another node, keeps all of them.
func TestClusterRefusalTakesNothing(t *testing.T) {
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
	wait(t, "the refusals", &group)
	answer := cluster.Masters[0].Do(t, "DBSIZE")
	keys, err := answer.AsInt64()
	require.NoError(t, err)
	assert.Zero(t, keys, "keys written for the address")
}

// TestClusterTakesLostGrantsBack lets many callers compete for the last grants of an installation.
// They inspect it before any of them takes one, so that most are refused only after they took a
// grant of the address, which has to be taken back.
func TestClusterTakesLostGrantsBack(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	takenBack := func() bool {
		for _, master := range cluster.Masters {
			answer := master.Do(t, "INFO", "commandstats")
			stats, err := answer.ToString()
			require.NoError(t, err)
			if strings.Contains(stats, "cmdstat_del:") ||
				strings.Contains(stats, "cmdstat_setrange:") {
				return true
			}
		}
		return false
	}
	deadline := time.Now().Add(redisserver.Timeout)
	for round := 0; round < 20 || !takenBack(); round++ {
		require.True(t, time.Now().Before(deadline),
			"timed out waiting for a round in which a grant is taken back")
		storage := open(t, cluster.URL(), patient).Prefixed(fmt.Sprintf("round%d:", round))
		address, install := at(t, cluster, storage, 0, 0, 1000), at(t, cluster, storage, 1, 0, 4)
		var group sync.WaitGroup
		begin := make(chan struct{})
		for range 32 {
			group.Go(func() {
				<-begin
				decide(t, storage, 0, address, install)
			})
		}
		close(begin)
		wait(t, "the decisions of one round", &group)
		decision := decide(t, storage, 0, install)
		require.True(t, decision.Refused())
		require.Equal(t, 4, counted(t, storage, address), "round %d", round)
	}
}

// TestClusterTakesFirstGrantBackIfSecondFails lets the node of the second subject fail when it is
// written to. The grant of the first subject is taken back.
func TestClusterTakesFirstGrantBackIfSecondFails(t *testing.T) {
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

// TestClusterServesWhileOneNodeHangs suspends a node. A decision that needs the node times out and
// takes nothing on others; one that does not need it succeeds.
func TestClusterServesWhileOneNodeHangs(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	unhurried := open(t, cluster.URL(), patient)
	address, install := at(t, cluster, unhurried, 0, 0, 1000), at(t, cluster, unhurried, 1, 0, 4)
	decide(t, unhurried, 0, address, install)
	storage := open(t, cluster.URL(), 100*time.Millisecond)
	answers(t, storage, address)
	cluster.Masters[1].Hang(t)
	assert.Equal(t, redis.TimedOut, fails(t, storage, address, install).Reason)
	ctx, cancel := context.WithTimeout(context.Background(), redisserver.Timeout)
	defer cancel()
	decision, err := storage.Decide(ctx, 0, throttle.NewChecks(address))
	cluster.Masters[1].Resume(t)
	require.NoError(t, err)
	assert.Equal(t, 997, decision.At(0).Remaining, "two grants before, and this one")
}

func TestFollowsClusterFailover(t *testing.T) {
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
	assert.Equal(t, 2, decision.At(1).Remaining, "the replica has the replicated grants")
}
