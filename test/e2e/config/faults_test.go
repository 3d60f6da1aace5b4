package config_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// TestStructuralFaultsStopDevelopmentToo shows that an inconsistent configuration, as opposed
// to a weak secret, prevents the start in every environment.
func TestStructuralFaultsStopDevelopmentToo(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]struct {
		env      harness.Env
		variable string
	}{
		"a key id twice":             {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"a","v2-default":"b"}`}, "OFFLOAD_SESSION_SIGNING_KEYS"},
		"one material under two ids": {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"same","b":" same "}`}, "OFFLOAD_SESSION_SIGNING_KEYS"},
		"an invalid key id":          {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"a","b c":"d"}`}, "OFFLOAD_SESSION_SIGNING_KEYS"},
		"an empty key id":            {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"a","":"d"}`}, "OFFLOAD_SESSION_SIGNING_KEYS"},
		"an empty key":               {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":" "}`}, "OFFLOAD_SESSION_SIGNING_KEYS"},
		"keys that are not JSON":     {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `v2-default=secret-of-mine`}, "OFFLOAD_SESSION_SIGNING_KEYS"},
		"an active id without a key": {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{"a":"b"}`},
			"OFFLOAD_SESSION_TOKEN_ACTIVE_KID"},
		"an empty active id": {harness.Env{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": " "},
			"OFFLOAD_SESSION_TOKEN_ACTIVE_KID"},
		"an empty issuer": {harness.Env{"OFFLOAD_SESSION_TOKEN_ISSUER": " "},
			"OFFLOAD_SESSION_TOKEN_ISSUER"},
		"an empty audience": {harness.Env{"OFFLOAD_SESSION_TOKEN_AUDIENCE": ""},
			"OFFLOAD_SESSION_TOKEN_AUDIENCE"},
		"a missing file": {harness.Env{"OFFLOAD_SESSION_SECRET_FILE": filepath.Join(
			t.TempDir(), "none")}, "OFFLOAD_SESSION_SECRET"},
		"a value and a file": {
			harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
				"OFFLOAD_SESSION_SECRET_FILE": harness.SecretFile(t, 0o600, harness.OtherSecret)},
			"OFFLOAD_SESSION_SECRET",
		},
		"a digest key that signs": {
			harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
				"OFFLOAD_LIMITER_DIGEST_KEY": harness.StrongSecret},
			"OFFLOAD_LIMITER_DIGEST_KEY",
		},
		"a certificate without its key": {harness.Env{"OFFLOAD_TLS_CERT_FILE": "/etc/tls.crt"},
			"OFFLOAD_TLS_KEY_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exit := harness.RunRefused(t, refused.env)
			harness.AssertRefused(t, exit, refused.env)
			assert.Contains(t, exit.Output, refused.variable)
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	env := harness.Env{
		"OFFLOAD_ENVIRONMENT":                        "prod",
		"OFFLOAD_SESSION_SECRET":                     "qwertyuiopasdfghjklzxcvbnmqwertyuiop",
		"OFFLOAD_SESSION_TTL_SECONDS":                "1h",
		"OFFLOAD_SESSION_TOKEN_ISSUER":               "",
		"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS":         "61",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         "0",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "10001",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "-1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_MODE":           "log",
		"OFFLOAD_LIMITER_DIGEST_KEY":                 "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME",
		"OFFLOAD_LIMITER_IPV6_PREFIX":                "129",
		"OFFLOAD_TRUSTED_PROXIES":                    "10.0.0.0/8, example.com",
		"OFFLOAD_HTTP_MAX_CONNECTIONS":               "many",
		"OFFLOAD_LOG_LEVEL":                          "loud",
		"OFFLOAD_TLS_KEY_FILE":                       "/etc/tls.key",
	}
	exit := harness.RunRefused(t, env)
	harness.AssertRefused(t, exit, env)
	for name := range env {
		if name != "OFFLOAD_ENVIRONMENT" {
			assert.Contains(t, exit.Output, name)
		}
	}
	assert.Contains(t, exit.Output, "openssl rand -base64 32")
}
