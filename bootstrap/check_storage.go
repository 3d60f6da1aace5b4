package bootstrap

import (
	"context"
	"time"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/bootstrap/config"
)

// checkWithin is the least time that check gives a server to connect and answer: nobody waits for it but an operator.
const checkWithin = 2 * time.Second

// evictionWarning warns of a server that forgets grants when its memory is full.
func evictionWarning(review config.Review, policy string) []config.Warning {
	if policy == redis.NoEviction {
		return nil
	}
	return []config.Warning{review.RedisWarning(
		"names a server whose maxmemory-policy is "+policy+": when its memory is full it forgets grants, and limits nobody",
		"set its maxmemory-policy to "+redis.NoEviction)}
}

// checkStorage asks a shared storage what an operator had best know before the start: whether it answers, and whether it evicts.
func checkStorage(ctx context.Context, review config.Review) []config.Warning {
	if review.Config.Storage != config.StorageRedis {
		return nil
	}
	server, err := redis.New(string(review.Config.RedisURL.Bytes()), review.Config.RedisTimeout)
	if err != nil {
		return nil // a fault, and told as one
	}
	asking, cancel := context.WithTimeout(ctx, max(checkWithin, review.Config.RedisTimeout))
	defer cancel()
	policy, err := server.EvictionPolicy(asking)
	closing, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	server.Close(closing)
	if err == nil {
		return evictionWarning(review, policy)
	}
	return []config.Warning{review.RedisWarning("names a server that could not be asked for its maxmemory-policy ("+err.Error()+")",
		"see that it runs, that address, user and password are right, that the user may ask INFO, and that the policy is "+redis.NoEviction)}
}
