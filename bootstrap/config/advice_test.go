package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAdvice checks the warnings about values that are valid and probably mistakes, beside the
// nearest value without one.
func TestAdvice(t *testing.T) {
	const proxies = "OFFLOAD_TRUSTED_PROXIES=10.0.0.7"
	bound := []string{"OFFLOAD_SESSION_BINDING=accept", "OFFLOAD_LIMITER_DIGEST_KEY=" + strongB,
		"OFFLOAD_PUBLIC_ORIGINS=https://api.example.com"}
	for name, c := range map[string]struct {
		environ  []string
		variable string // empty for no warning
		remedy   string
	}{
		"mode observe": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE=observe"},
			"OFFLOAD_SESSION_ISSUE_LIMIT_MODE", "set it to enforce once the limits are chosen"},
		"several audiences": {[]string{"OFFLOAD_SESSION_TOKEN_AUDIENCE=ios,android"},
			"OFFLOAD_SESSION_TOKEN_AUDIENCE", "use one audience for all verifiers"},
		"a JSON list of audiences": {[]string{`OFFLOAD_SESSION_TOKEN_AUDIENCE=["ios"]`},
			"OFFLOAD_SESSION_TOKEN_AUDIENCE", "use one audience for all verifiers"},
		"mode enforce": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE=enforce"}, "", ""},
		"TTL over a day": {[]string{"OFFLOAD_SESSION_TTL_SECONDS=86401"},
			"OFFLOAD_SESSION_TTL_SECONDS", "use at most 86400; clients renew their sessions"},
		"TTL of a day": {[]string{"OFFLOAD_SESSION_TTL_SECONDS=86400"}, "", ""},
		"TTL below what renewals allow": {[]string{"OFFLOAD_SESSION_TTL_SECONDS=29"},
			"OFFLOAD_SESSION_TTL_SECONDS", "use at least 30, or a higher limit"},
		"TTL that renewals allow": {[]string{"OFFLOAD_SESSION_TTL_SECONDS=30"}, "", ""},
		"grace over 30 days": {[]string{"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS=2592001"},
			"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS", "use at most 2592000"},
		"grace of 30 days": {[]string{"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS=2592000"}, "", ""},
		"one per address": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=1"},
			"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP", "use at least 2, such as the default of 32"},
		"one per network": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK=1"},
			"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK", "use at least 2, such as the default of 2048"},
		"one per installation": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=1"},
			"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL", "use at least 2, such as the default of 4"},
		"one renewal per installation": {[]string{"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL=1"},
			"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL", "use at least 2, such as the default of 2"},
		"one renewal per address": {[]string{"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP=1"},
			"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP", "use at least 2, such as the default of 10000"},
		"networks not limited": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK=0"}, "", ""},
		"two per installation": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=2"}, "", ""},
		"few subjects": {[]string{"OFFLOAD_LIMITER_MAX_SUBJECTS=35999"},
			"OFFLOAD_LIMITER_MAX_SUBJECTS", "use at least 36000, or a shorter window"},
		"enough subjects": {[]string{"OFFLOAD_LIMITER_MAX_SUBJECTS=36000"}, "", ""},
		"a long window": {[]string{"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS=1667"},
			"OFFLOAD_LIMITER_MAX_SUBJECTS", "use at least 1000200, or a shorter window"},
		"few proofs": {append(bound, "OFFLOAD_LIMITER_MAX_SUBJECTS=125999"),
			"OFFLOAD_LIMITER_MAX_SUBJECTS", "use at least 126000"},
		"enough proofs": {append(bound, "OFFLOAD_LIMITER_MAX_SUBJECTS=126000"), "", ""},
		"an audience for no session": {[]string{"OFFLOAD_SESSION_BOUND_AUDIENCE=bound"},
			"OFFLOAD_SESSION_BOUND_AUDIENCE", "remove it, or set OFFLOAD_SESSION_BINDING"},
		"idle timeout of a minute": {[]string{"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS=60"},
			"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS",
			"use more than the idle timeout of the load balancer, such as 75"},
		"idle timeout above": {[]string{"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS=61"}, "", ""},
		"operations for everyone": {[]string{"OFFLOAD_OPS_ADDR=:9090"}, "OFFLOAD_OPS_ADDR",
			"use 127.0.0.1:9090, or the one private address that probes and scrapers use, and let only " +
				"those reach it"},
		"operations on a public address": {[]string{"OFFLOAD_OPS_ADDR=192.0.2.1:9090"},
			"OFFLOAD_OPS_ADDR", "use 127.0.0.1:9090, or the one private address that probes and " +
				"scrapers use, and let only those reach it"},
		"operations for a private network": {[]string{"OFFLOAD_OPS_ADDR=10.1.2.3:9090"}, "", ""},
		"operations on IPv6 loopback":      {[]string{"OFFLOAD_OPS_ADDR=[::1]:9090"}, "", ""},
		"no operations":                    {[]string{"OFFLOAD_OPS_ADDR="}, "", ""},
		"private": {[]string{"OFFLOAD_HTTP_ADDR=10.1.2.3:8080"}, "OFFLOAD_HTTP_ADDR",
			"name the proxy in OFFLOAD_TRUSTED_PROXIES, unless the service has no proxy"},
		"private behind a proxy": {[]string{"OFFLOAD_HTTP_ADDR=10.1.2.3:8080", proxies}, "", ""},
		"loopback":               {[]string{"OFFLOAD_HTTP_ADDR=127.0.0.1:8080"}, "", ""},
		"public":                 {[]string{"OFFLOAD_HTTP_ADDR=192.0.2.1:8080"}, "", ""},
		"all addresses":          {[]string{"OFFLOAD_HTTP_ADDR=:8080"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			review := load(t, production(c.environ...))
			require.Empty(t, review.Faults)
			if c.variable == "" {
				assert.Empty(t, review.Warnings)
				return
			}
			require.Len(t, review.Warnings, 1)
			assert.Equal(t, c.variable, review.Warnings[0].Variable)
			assert.Equal(t, c.remedy, review.Warnings[0].Remedy)
			assert.NotEmpty(t, review.Warnings[0].Problem)
		})
	}
	for _, environ := range []string{"OFFLOAD_SESSION_TTL_SECONDS=31536001",
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS=0", "OFFLOAD_HTTP_ADDR=10.1.2.3"} {
		assert.Empty(t, load(t, production(environ)).Warnings, environ)
	}
}

// TestOperationsOnAPrivateAddress notes one address of a private network, which the addresses of
// containers are, in either family and in brackets. It never warns of it, and notes no other.
func TestOperationsOnAPrivateAddress(t *testing.T) {
	for address, noted := range map[string]bool{"10.1.2.3:9090": true, "[10.1.2.3]:9090": true,
		"[fd00::1]:9090": true, "169.254.1.1:9090": true, "100.64.0.1:9090": true, ":9090": false,
		"0.0.0.0:9090": false, "[::]:9090": false, "192.0.2.1:9090": false, "ops.internal:9090": false,
		"127.0.0.1:9090": false, "": false} {
		review := load(t, production("OFFLOAD_OPS_ADDR="+address))
		require.Empty(t, review.Faults, address)
		if !noted {
			assert.Empty(t, review.Notes, address)
			continue
		}
		assert.Empty(t, review.Warnings, address)
		require.Len(t, review.Notes, 1, address)
		assert.Equal(t, "OFFLOAD_OPS_ADDR", review.Notes[0].Variable)
		assert.Equal(t, "let only probes and scrapers reach it", review.Notes[0].Remedy)
	}
}

// TestChosenPorts warns of port 0 in production, where the port must be known to others.
func TestChosenPorts(t *testing.T) {
	variables := func(environ input) []string {
		review := load(t, environ)
		require.Empty(t, review.Faults)
		var found []string
		for _, warning := range review.ChosenPorts() {
			assert.Equal(t, "environment", warning.Origin)
			found = append(found, warning.Variable)
		}
		return found
	}
	both := []string{"OFFLOAD_HTTP_ADDR=:0", "OFFLOAD_OPS_ADDR=127.0.0.1:0"}
	assert.Equal(t, []string{"OFFLOAD_HTTP_ADDR", "OFFLOAD_OPS_ADDR"}, variables(production(both...)))
	assert.Empty(t, variables(inDevelopment(both...)))
	assert.Empty(t, variables(production("OFFLOAD_HTTP_ADDR=unix:/run/a.sock", "OFFLOAD_OPS_ADDR=")))
	assert.Empty(t, variables(production("OFFLOAD_HTTP_ADDR=:8080")))
}
