package config

import (
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/ports"
)

const remedyRedisURL = "use redis://user:password@host:6379/0, or rediss:// for TLS"

// redisURL returns the URL of the shared storage, with its TLS files and the user of its Sentinels.
// It is the zero value without a shared storage, or if a fault prevents it.
func (r *reviewer) redisURL() redis.URL {
	storage := r.fields.LimiterStorage.String()
	switch {
	case r.fields.LimiterStorage != ports.StorageRedis:
		if !r.broken[varStorage] {
			r.warnUnused(varStorage+" is "+storage, "set "+varStorage+"="+
				ports.StorageRedis.String(), VarRedisURL, VarRedisCA, VarRedisCert, VarRedisKey,
				varSentinelUser, varSentinelPass)
		}
		return redis.URL{}
	case !r.given[VarRedisURL]:
		r.faultOf(VarRedisURL, "is not set, and "+varStorage+" is "+storage, remedyRedisURL)
		return redis.URL{}
	case r.broken[VarRedisURL]:
		return redis.URL{}
	case r.rejectQuotes(VarRedisURL):
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
	return r.withSentinelUser(r.withTLSFiles(url))
}

// warnUnused warns of variables that are set and have no effect.
func (r *reviewer) warnUnused(why, remedy string, names ...string) {
	for _, name := range names {
		if r.given[name] && r.texts[name] != "" {
			r.warnOf(name, "is set but not used: "+why, "remove it, or "+remedy)
		}
	}
}

// withTLSFiles adds the files for TLS to the URL, and checks them.
func (r *reviewer) withTLSFiles(url redis.URL) redis.URL {
	if !url.Secured() {
		r.warnUnused(VarRedisURL+" does not ask for TLS", "use rediss:// or valkeys://",
			VarRedisCA, VarRedisCert, VarRedisKey)
		return url
	}
	r.requireBoth(VarRedisCert, VarRedisKey)
	files := redis.TLSFiles{CA: string(r.fields.RedisCAFile),
		Certificate: string(r.fields.RedisCertFile), Key: string(r.fields.RedisKeyFile),
		Strict: r.production}
	for _, fault := range files.Check() {
		name, file := VarRedisCA, files.CA
		switch fault.Part {
		case redis.CAFile:
		case redis.CertificateFile:
			name, file = VarRedisCert, files.Certificate
		case redis.KeyFile:
			name, file = VarRedisKey, files.Key
		}
		r.faultOf(name, "names the file "+ShownPath(file)+", which "+fault.Fault.Error(),
			fileRemedy(file, fault.Remedy))
	}
	if files.Key != "" {
		r.warnForeign(VarRedisKey, "names the file "+ShownPath(files.Key)+", which ", files.Key)
	}
	return url.WithTLSFiles(files)
}

// withSentinelUser adds the user of the Sentinels to the URL.
func (r *reviewer) withSentinelUser(url redis.URL) redis.URL {
	if !url.NamesSentinels() {
		r.warnUnused(VarRedisURL+" names no Sentinels", "add master_set to the URL",
			varSentinelUser, varSentinelPass)
		return url
	}
	name, password := r.texts[varSentinelUser], r.texts[varSentinelPass]
	if name != "" && password == "" && !r.broken[varSentinelPass] {
		r.faultOf(varSentinelPass, "is not set, and "+varSentinelUser+" is", "set both, or only "+
			"the password")
	}
	return url.WithSentinelUser(name, password)
}

// checkDigestKeyIsSet reports a missing digest key if replicas share a storage: each would digest
// subjects with its own random key, so they would not share their counts.
func (r *reviewer) checkDigestKeyIsSet() {
	const problem = "is not set, and replicas share a storage: each would count separately"
	const remedy = "use the same key for all replicas; " + remedySecret
	switch {
	case !r.fields.LimiterStorage.Shared():
		if r.production && r.fields.Binding.On() {
			r.faultOf(varDigestKey, "is not set, and "+varBinding+" is "+r.fields.Binding.String()+
				": a nonce would be good at the replica that gave it out, and at no other", remedy)
		}
	case r.production:
		r.faultOf(varDigestKey, problem, remedy)
	default:
		r.warnOf(varDigestKey, problem, remedy)
	}
}

// RedisWarning returns a warning about the server that OFFLOAD_REDIS_URL names, for what a query of
// the server has found.
func (r *Review) RedisWarning(problem, remedy string) Warning {
	return Warning{Variable: VarRedisURL, Origin: r.OriginOf(VarRedisURL), Problem: problem,
		Remedy: remedy}
}
