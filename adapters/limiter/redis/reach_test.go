package redis_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/test/harness/redisserver"
)

func TestVerifiesTLSCertificate(t *testing.T) {
	_, port := redisserver.StartTLS(t)
	url := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	failed := fails(t, open(t, url, patient), hour(1, 4))
	assert.Equal(t, redis.Unreachable, failed.Reason)
	assert.Equal(t, "the server's certificate is not trusted", failed.Detail)
	assert.Equal(t, 3, remaining(t, open(t, url+"?skip_verify=true", patient), hour(1, 4)))
}

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
