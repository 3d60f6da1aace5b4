package redis_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// proof returns the check of a proof with a number.
func proof(number byte) throttle.Check {
	return throttle.Check{Dimension: throttle.ByProof, Subject: throttle.Subject{2, number},
		Limit: throttle.ProofLimit, Window: 7 * time.Minute}
}

// TestProofIsAKeyWithoutValue shows how much memory the use of a proof takes, and for how long.
func TestProofIsAKeyWithoutValue(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	number := func(command ...string) int64 {
		answer := server.Do(t, command...)
		number, err := answer.AsInt64()
		require.NoError(t, err)
		return number
	}
	first := decide(t, storage, 0, hour(1, 4), proof(1))
	require.False(t, first.Refused())
	assert.Zero(t, first.At(1).Remaining)
	key := storage.Key(proof(1))
	assert.EqualValues(t, 1, number("EXISTS", key))
	assert.Zero(t, number("STRLEN", key))
	assert.LessOrEqual(t, number("MEMORY", "USAGE", key), int64(160))
	left := time.Duration(number("PTTL", key)) * time.Millisecond
	assert.LessOrEqual(t, left, 7*time.Minute+time.Millisecond)
	assert.Greater(t, left, 6*time.Minute)

	again := decide(t, storage, 0, hour(1, 4), proof(1))
	refusal, refused := again.Refusal()
	require.True(t, refused)
	assert.Equal(t, throttle.ByProof, refusal.Dimension)
	assert.Equal(t, 7*time.Minute, refusal.RetryAfter, "the remaining time is not revealed")
	assert.Equal(t, 3, again.At(0).Remaining, "nothing is taken")
	still := time.Duration(number("PTTL", key)) * time.Millisecond
	assert.LessOrEqual(t, still, left, "a replay does not prolong it")
	assert.Zero(t, number("STRLEN", key))

	server.Do(t, "PEXPIRE", key, "1")
	require.Eventually(t, func() bool { return number("EXISTS", key) == 0 }, redisserver.Timeout,
		time.Millisecond, "timed out waiting for the key to expire")
	forgotten := decide(t, storage, 0, hour(1, 4), proof(1))
	assert.False(t, forgotten.Refused())

	server.Do(t, "PERSIST", key)
	again = decide(t, storage, 0, proof(1))
	assert.True(t, again.Refused(), "a key that an operator made lasting counts")
}

// TestRefusedRequestUsesNoProof shows that a proof can still be used after a limit refused, also
// with ring buffers for which short.lua does not suffice.
func TestRefusedRequestUsesNoProof(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	for _, limit := range []int{1, 4, 40} {
		of, fresh := hour(byte(limit), limit), proof(byte(limit))
		for used := range byte(limit) {
			decision := decide(t, storage, 0, of, proof(100+used))
			require.False(t, decision.Refused(), "grant %d of %d", used, limit)
			again := decide(t, storage, 0, of, proof(100+used))
			refusal, refused := again.Refusal()
			require.True(t, refused)
			require.Equal(t, throttle.ByProof, refusal.Dimension)
			server.Do(t, "DEL", storage.Key(proof(100+used)))
		}
		decision := decide(t, storage, 0, of, fresh)
		refusal, refused := decision.Refusal()
		require.True(t, refused)
		assert.Equal(t, throttle.ByInstall, refusal.Dimension)
		alone := decide(t, storage, 0, fresh)
		assert.False(t, alone.Refused(), "the refused request did not use it")
	}
}

// race uses one proof at once through several storages, in many rounds, and requires that one use
// is accepted in each round.
func race(t *testing.T, url string) {
	t.Helper()
	const rounds, callers = 100, 8
	first, second := open(t, url, patient), open(t, url, patient)
	for round := range rounds {
		prefix := fmt.Sprintf("round%d:", round)
		var accepted atomic.Int64
		var group sync.WaitGroup
		begin := make(chan struct{})
		for caller := range callers {
			storage := first.Prefixed(prefix)
			if caller%2 == 1 {
				storage = second.Prefixed(prefix)
			}
			group.Go(func() {
				<-begin
				decision := decide(t, storage, 0, hour(1, 100), hour(byte(2+caller), 4), proof(1))
				if !decision.Refused() {
					accepted.Add(1)
				}
			})
		}
		close(begin)
		wait(t, "the uses of one round", &group)
		require.EqualValues(t, 1, accepted.Load(), "round %d", round)
		left := decide(t, first.Prefixed(prefix), 0, hour(1, 100))
		require.Equal(t, 100-2, left.At(0).Remaining, "round %d: refusals take nothing", round)
	}
}

func TestReplicasAcceptAProofOnce(t *testing.T) {
	race(t, redisserver.Start(t).URL())
}

func TestClusterAcceptsAProofOnce(t *testing.T) {
	race(t, redisserver.StartCluster(t, 3).URL())
}

// TestClusterTakesProofBackIfCheckFails lets a later check fail after the proof was used: the use
// is taken back.
func TestClusterTakesProofBackIfCheckFails(t *testing.T) {
	cluster := redisserver.StartCluster(t, 3)
	storage := open(t, cluster.URL(), patient)
	install := at(t, cluster, storage, 1, 0, 4)
	fresh := proof(0)
	for number := range byte(255) { // one that lies on another master
		answer := cluster.Masters[0].Do(t, "CLUSTER", "KEYSLOT", storage.Key(proof(number)))
		slot, err := answer.AsInt64()
		require.NoError(t, err)
		if int(slot)*len(cluster.Masters)/16384 == 0 {
			fresh = proof(number)
			break
		}
	}
	decide(t, storage, 0, install)
	cluster.Masters[1].Do(t, "CONFIG", "SET", "maxmemory", "1")
	assert.Equal(t, "OOM", fails(t, storage, fresh, install).Detail)
	cluster.Masters[1].Do(t, "CONFIG", "SET", "maxmemory", "0")
	decision := decide(t, storage, 0, fresh, install)
	assert.False(t, decision.Refused())
}
