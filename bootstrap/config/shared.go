package config

import (
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/ports"
)

const remedyRedisURL = "use redis://user:password@host:6379/0, or rediss:// for TLS"

// redisURL returns the URL of the shared storage. It is the zero value without a shared storage, or
// if a fault prevents it.
func (r *reviewer) redisURL() redis.URL {
	storage := r.fields.LimiterStorage.String()
	switch {
	case r.fields.LimiterStorage != ports.StorageRedis:
		if r.given[VarRedisURL] && !r.broken[varStorage] {
			r.warnOf(VarRedisURL, "is set but not used: "+varStorage+" is "+storage,
				"remove it, or set "+varStorage+"="+ports.StorageRedis.String())
		}
		return redis.URL{}
	case !r.given[VarRedisURL]:
		r.faultOf(VarRedisURL, "is not set, and "+varStorage+" is "+storage, remedyRedisURL)
		return redis.URL{}
	case r.broken[VarRedisURL]:
		return redis.URL{}
	}
	url, err := redis.ParseURL(strings.TrimSpace(r.texts[VarRedisURL]))
	if invalid, is := errors.AsType[*redis.URLError](err); is {
		r.faultOf(VarRedisURL, "is not a valid Redis URL: "+invalid.Fault.String(), remedyRedisURL)
		return redis.URL{}
	}
	if r.production && url.Unverified() {
		r.warnOf(VarRedisURL,
			"has skip_verify: certificates are not checked, and an attacker on the network path "+
				"could impersonate the server and read the password",
			"use a server certificate that this host trusts, and remove skip_verify")
	}
	return url
}

// checkDigestKeyIsSet reports a missing digest key if replicas share a storage: each would digest
// subjects with its own random key, so they would not share their counts.
func (r *reviewer) checkDigestKeyIsSet() {
	const problem = "is not set, and replicas share a storage: each would count separately"
	const remedy = "use the same key for all replicas; " + remedySecret
	switch {
	case !r.fields.LimiterStorage.Shared():
	case r.production:
		r.faultOf(varDigestKey, problem, remedy)
	default:
		r.warnOf(varDigestKey, problem, remedy)
	}
}

// RedisWarning returns a warning about the server that OFFLOAD_REDIS_URL names, for the result of a
// query.
func (r Review) RedisWarning(problem, remedy string) Warning {
	warning := Warning{Variable: VarRedisURL, Origin: originDefault, Problem: problem,
		Remedy: remedy}
	for _, setting := range r.Settings {
		if setting.Variable == VarRedisURL {
			warning.Origin = setting.Origin
		}
	}
	return warning
}
