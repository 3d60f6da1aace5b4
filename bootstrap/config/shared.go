package config

import (
	"errors"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/limiter/redis"
)

const remedyRedisURL = "give redis://user:password@host:6379/0, or rediss:// for TLS"

// shares tells whether replicas are to share a storage.
func (r *reading) shares() bool { return r.fields.LimiterStorage == StorageRedis }

// redisURL is the URL of the shared storage, which Redis's adapter must be able to make out; empty where there is none.
func (r *reading) redisURL() Secret {
	switch {
	case !r.shares():
		if r.given[varRedisURL] && !r.broken[varStorage] {
			r.warnOf(varRedisURL, "is set but not used, for "+varStorage+" is "+StorageMemory,
				"remove it, or give "+varStorage+"="+StorageRedis)
		}
		return Secret{}
	case !r.given[varRedisURL]:
		r.faultOf(varRedisURL, "is not set, and "+varStorage+" is "+StorageRedis, remedyRedisURL)
		return Secret{}
	case r.broken[varRedisURL]:
		return Secret{}
	}
	text := strings.TrimSpace(r.texts[varRedisURL])
	var wrong *redis.URLError
	storage, err := redis.New(text, time.Second)
	if errors.As(err, &wrong) {
		r.faultOf(varRedisURL, "cannot be made out: "+wrong.Fault.String(), remedyRedisURL)
	}
	if err == nil && r.production && storage.Unverified() {
		r.warnOf(varRedisURL,
			"has skip_verify: certificates are not checked, and anybody between could pass for the server, and read the password",
			"give the server a certificate that this host trusts, and take skip_verify out")
	}
	return NewSecret(text)
}

// unsharedDigests tells that replicas would not share what they count, for each digests subjects with a key of its own.
func (r *reading) unsharedDigests() {
	const problem = "is not set, and replicas share a storage: each would count for itself"
	const remedy = "give all replicas the same; " + remedySecret
	switch {
	case !r.shares():
	case r.production:
		r.faultOf(varDigestKey, problem, remedy)
	default:
		r.warnOf(varDigestKey, problem, remedy)
	}
}

// RedisWarning is a warning about the server that OFFLOAD_REDIS_URL names, for what is found out by asking it.
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
