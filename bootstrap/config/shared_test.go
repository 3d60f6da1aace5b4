package config_test

import (
	"testing"
)

func TestSharedStorage(t *testing.T) {
	const redisURL, storage, digest, origin = "OFFLOAD_REDIS_URL", "OFFLOAD_LIMITER_STORAGE",
		"OFFLOAD_LIMITER_DIGEST_KEY", "environment"
	const url = redisURL + "=redis://:" + redisPassword + "@localhost:6379/1"
	noURL := told{redisURL, "default", "is not set, and OFFLOAD_LIMITER_STORAGE is redis"}
	noDigest := told{digest, "default", "replicas share a storage: each would count for itself"}
	wrong := func(why string) []told {
		return []told{{redisURL, origin,
			"cannot be made out: " + why}}
	}
	key := digest + "=" + strongB
	judge(t, []judged{
		{"sound in production", production(storage+"=redis", url, key), nil, nil},
		{"no URL", production(storage+"=redis", key), []told{noURL}, nil},
		{"an empty URL", production(storage+"=redis", redisURL+"=", key), []told{noURL}, nil},
		{"no digest key in production", production(storage+"=redis", url), []told{noDigest}, nil},
		{"no digest key in development", env(varSecret+"="+strongA, storage+"=redis", url), nil,
			[]told{noDigest}},
		{"a weak digest key in production", production(storage+"=redis", url, digest+"="+weak),
			[]told{{digest, origin, "(rule: length)"}, {digest, origin, "(rule: entropy)"}}, nil},
		{"a URL that is not used", production(url), nil,
			[]told{{redisURL, origin,
				"is set but not used, for OFFLOAD_LIMITER_STORAGE is memory"}}},
		{"another scheme", production(storage+"=redis",
			redisURL+"=http://:"+redisPassword+"@localhost", key),
			wrong("the scheme is neither redis nor rediss"), nil},
		{"a socket", production(storage+"=redis", redisURL+"=unix:///run/redis.sock", key),
			wrong("the scheme is neither redis nor rediss"), nil},
		{"no URL at all", production(storage+"=redis", redisURL+"=redis://:"+redisPassword+"@%",
			key), wrong("not a URL"), nil},
		{"a host alone", production(storage+"=redis", redisURL+"=localhost:6379", key),
			wrong("the scheme is neither redis nor rediss"), nil},
		{"a database that is no number", production(storage+"=redis",
			redisURL+"=redis://localhost/"+redisPassword, key),
			wrong("the path is not the number of a database"), nil},
		{"a password with a #", production(storage+"=redis",
			redisURL+"=redis://:"+redisPassword+"#1@localhost", key), wrong("it has a #"), nil},
		{"no host", production(storage+"=redis", redisURL+"=redis:localhost:6379", key),
			wrong("it names no host"), nil},
		{"a parameter that is none", production(storage+"=redis",
			redisURL+"=redis://localhost?dial_timeout=1h", key),
			wrong("it has a parameter other than"), nil},
		{"no certificate to check", production(storage+"=redis",
			redisURL+"=redis://localhost?skip_verify=true", key),
			wrong("skip_verify has a meaning with rediss alone"), nil},
		{"an unchecked certificate in production",
			production(storage+"=redis", redisURL+"=rediss://localhost?skip_verify=true", key), nil,
			[]told{{redisURL, origin, "certificates are not checked"}}},
		{"an unchecked certificate in development",
			env(varSecret+"="+strongA, storage+"=redis",
				redisURL+"=rediss://localhost?skip_verify=true", key), nil, nil},
		{"a storage that does not exist", production(storage+"=valkey", url, key),
			[]told{{storage, origin, "is not one of the words"}}, nil},
		{"several hosts, Sentinel, white space",
			production(storage+"=redis", redisURL+"= rediss://u:p@a:1?addr=b:2&master_set=m\n",
				key), nil, nil},
	})
}
