package config_test

import (
	"testing"
)

func TestSharedStorage(t *testing.T) {
	const redisURL, storage, digest, origin = "OFFLOAD_REDIS_URL", "OFFLOAD_LIMITER_STORAGE",
		"OFFLOAD_LIMITER_DIGEST_KEY", "environment"
	const url = redisURL + "=redis://:" + redisPassword + "@localhost:6379/1"
	noURL := finding{redisURL, "default", "is not set, and OFFLOAD_LIMITER_STORAGE is redis"}
	noDigest := finding{digest, "default", "replicas share a storage: each would count separately"}
	invalid := func(why string) []finding {
		return []finding{{redisURL, origin,
			"is not a valid Redis URL: " + why}}
	}
	key := digest + "=" + strongB
	runCases(t, []testCase{
		{"valid in production", production(storage+"=redis", url, key), nil, nil},
		{"no URL", production(storage+"=redis", key), []finding{noURL}, nil},
		{"an empty URL", production(storage+"=redis", redisURL+"=", key), []finding{noURL}, nil},
		{"no digest key in production", production(storage+"=redis", url), []finding{noDigest},
			nil},
		{"no digest key in development", env(varSecret+"="+strongA, storage+"=redis", url), nil,
			[]finding{noDigest}},
		{"a weak digest key in production", production(storage+"=redis", url, digest+"="+weak),
			[]finding{{digest, origin, "(rule: length)"}, {digest, origin, "(rule: entropy)"}},
			nil},
		{"an unused URL", production(url), nil,
			[]finding{{redisURL, origin,
				"is set but not used: OFFLOAD_LIMITER_STORAGE is memory"}}},
		{"another scheme", production(storage+"=redis",
			redisURL+"=http://:"+redisPassword+"@localhost", key),
			invalid("the scheme is none of redis, rediss, valkey and valkeys"), nil},
		{"a socket", production(storage+"=redis", redisURL+"=unix:///run/redis.sock", key),
			invalid("the scheme is none of redis, rediss, valkey and valkeys"), nil},
		{"not a URL", production(storage+"=redis", redisURL+"=redis://:"+redisPassword+"@%",
			key), invalid("not a URL"), nil},
		{"only a host", production(storage+"=redis", redisURL+"=localhost:6379", key),
			invalid("the scheme is none of redis, rediss, valkey and valkeys"), nil},
		{"database that is not a number", production(storage+"=redis",
			redisURL+"=redis://localhost/"+redisPassword, key),
			invalid("the path is not the number of a database"), nil},
		{"a password with a #", production(storage+"=redis",
			redisURL+"=redis://:"+redisPassword+"#1@localhost", key), invalid("it has a #"), nil},
		{"no host", production(storage+"=redis", redisURL+"=redis:localhost:6379", key),
			invalid("it names no host"), nil},
		{"unknown parameter", production(storage+"=redis",
			redisURL+"=redis://localhost?dial_timeout=1h", key),
			invalid("it has a parameter other than"), nil},
		{"skip_verify without TLS", production(storage+"=redis",
			redisURL+"=redis://localhost?skip_verify=true", key),
			invalid("skip_verify has a meaning with rediss and valkeys alone"), nil},
		{"an unchecked certificate in production",
			production(storage+"=redis", redisURL+"=rediss://localhost?skip_verify=true", key), nil,
			[]finding{{redisURL, origin, "certificates are not checked"}}},
		{"an unchecked certificate in development",
			env(varSecret+"="+strongA, storage+"=redis",
				redisURL+"=rediss://localhost?skip_verify=true", key), nil, nil},
		{"unknown storage", production(storage+"=valkey", url, key),
			[]finding{{storage, origin, "is not one of the allowed values"}}, nil},
		{"several hosts, Sentinel, white space",
			production(storage+"=redis", redisURL+"= rediss://u:p@a:1?addr=b:2&master_set=m\n",
				key), nil, nil},
	})
}
