package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/pki"
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

func TestRedisTLSFiles(t *testing.T) {
	const ca, cert, key, redisURL = "OFFLOAD_REDIS_TLS_CA_FILE", "OFFLOAD_REDIS_TLS_CERT_FILE",
		"OFFLOAD_REDIS_TLS_KEY_FILE", "OFFLOAD_REDIS_URL"
	folder := t.TempDir()
	chain, private := pki.New(t, "client").Write(t, folder)
	open := filepath.Join(folder, "open.key")
	content, err := os.ReadFile(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(open, content, 0o600))
	require.NoError(t, os.Chmod(open, 0o644))
	with := func(scheme string, settings ...string) []string {
		return append(settings, "OFFLOAD_LIMITER_STORAGE=redis", redisURL+"="+scheme+"://localhost",
			"OFFLOAD_LIMITER_DIGEST_KEY="+strongB)
	}
	all := []string{ca + "=" + chain, cert + "=" + chain, key + "=" + private}
	unused := func(why string) (warnings []finding) {
		for _, name := range []string{ca, cert, key} {
			warnings = append(warnings, finding{name, "environment", "is set but not used: " + why})
		}
		return warnings
	}
	runCases(t, []testCase{
		{"valid", production(with("rediss", all...)...), nil, nil},
		{"valkeys", production(with("valkeys", all...)...), nil, nil},
		{"no TLS", production(with("valkey", all...)...), nil,
			unused("OFFLOAD_REDIS_URL does not ask for TLS")},
		{"no shared storage", production(all...), nil,
			unused("OFFLOAD_LIMITER_STORAGE is memory")},
		{"only a certificate", production(with("rediss", cert+"="+chain)...),
			[]finding{{key, "default", "is not set, and OFFLOAD_REDIS_TLS_CERT_FILE is"}}, nil},
		{"only a key", production(with("rediss", key+"="+private)...),
			[]finding{{cert, "default", "is not set, and OFFLOAD_REDIS_TLS_KEY_FILE is"}}, nil},
		{"not what they should be", production(with("rediss", ca+"="+private, cert+"="+folder,
			key+"="+open)...), []finding{
			{ca, "environment", "tls.key, which holds no certificate in PEM"},
			{cert, "environment", "which is not a regular file"},
			{key, "environment", "open.key, which may be read or written by others"},
		}, nil},
	})
}

func TestRedisSentinelUser(t *testing.T) {
	const name, secret, sentinels = "OFFLOAD_REDIS_SENTINEL_USERNAME",
		"OFFLOAD_REDIS_SENTINEL_PASSWORD", "redis://:" + redisPassword + "@localhost?master_set=m"
	with := func(url string, settings ...string) []string {
		return append(settings, "OFFLOAD_LIMITER_STORAGE=redis", "OFFLOAD_REDIS_URL="+url,
			"OFFLOAD_LIMITER_DIGEST_KEY="+strongB)
	}
	runCases(t, []testCase{
		{"both", production(with(sentinels, name+"=u", secret+"="+redisPassword)...), nil, nil},
		{"a password", production(with(sentinels, secret+"="+redisPassword)...), nil, nil},
		{"a user without a password", production(with(sentinels, name+"=u")...),
			[]finding{{secret, "default", "is not set, and OFFLOAD_REDIS_SENTINEL_USERNAME is"}},
			nil},
		{"no Sentinels", production(with("redis://localhost", name+"=u", secret+"=p")...), nil,
			[]finding{
				{name, "environment", "is set but not used: OFFLOAD_REDIS_URL names no Sentinels"},
				{secret, "environment", "is set but not used: OFFLOAD_REDIS_URL names no Sentinels"},
			}},
	})
	review := load(t, production(with(sentinels, name+"=u", secret+"="+redisPassword)...))
	assert.Equal(t, "[set]", setting(t, review, secret).Value)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", review, review.Config.RedisURL), redisPassword)
}
