package config

import (
	"errors"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/limiter/redis"
)

const remedyRedisURL = "use redis://user:password@host:6379/0, or rediss:// for TLS"

// sharesStorage reports whether the storage is one that replicas share.
func (r *reviewer) sharesStorage() bool { return r.fields.LimiterStorage == StorageRedis }

// redisURL returns the URL of the shared storage, which must be valid for the Redis adapter. It is
// empty without a shared storage.
func (r *reviewer) redisURL() Secret {
	switch {
	case !r.sharesStorage():
		if r.given[varRedisURL] && !r.broken[varStorage] {
			r.warnOf(varRedisURL, "is set but not used: "+varStorage+" is "+StorageMemory,
				"remove it, or set "+varStorage+"="+StorageRedis)
		}
		return Secret{}
	case !r.given[varRedisURL]:
		r.faultOf(varRedisURL, "is not set, and "+varStorage+" is "+StorageRedis, remedyRedisURL)
		return Secret{}
	case r.broken[varRedisURL]:
		return Secret{}
	}
	text := strings.TrimSpace(r.texts[varRedisURL])
	var invalid *redis.URLError
	storage, err := redis.New(text, time.Second)
	if errors.As(err, &invalid) {
		r.faultOf(varRedisURL, "is not a valid Redis URL: "+invalid.Fault.String(), remedyRedisURL)
	}
	if err == nil && r.production && storage.Unverified() {
		r.warnOf(varRedisURL,
			"has skip_verify: certificates are not checked, and an attacker on the network path "+
				"could impersonate the server and read the password",
			"use a server certificate that this host trusts, and remove skip_verify")
	}
	return NewSecret(text)
}

// checkDigestKeyIsSet reports a missing digest key if replicas share a storage: each would digest
// subjects with its own random key, so they would not share their counts.
func (r *reviewer) checkDigestKeyIsSet() {
	const problem = "is not set, and replicas share a storage: each would count separately"
	const remedy = "use the same key for all replicas; " + remedySecret
	switch {
	case !r.sharesStorage():
	case r.production:
		r.faultOf(varDigestKey, problem, remedy)
	default:
		r.warnOf(varDigestKey, problem, remedy)
	}
}

// RedisWarning returns a warning about the server that OFFLOAD_REDIS_URL names, for the result of a
// query.
func (r Review) RedisWarning(problem, remedy string) Warning {
	warning := Warning{Variable: varRedisURL, Origin: originDefault, Problem: problem,
		Remedy: remedy}
	for _, setting := range r.Settings {
		if setting.Variable == varRedisURL {
			warning.Origin = setting.Origin
		}
	}
	return warning
}
