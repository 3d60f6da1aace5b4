package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEnvironmentWithoutName checks that a service which others can reach follows the rules of
// production until the operator says otherwise.
func TestEnvironmentWithoutName(t *testing.T) {
	tempDir(t)
	for exposing, clause := range map[string]string{
		"OFFLOAD_HTTP_ADDR=0.0.0.0:8080":                                       "OFFLOAD_HTTP_ADDR is not a loopback address",
		"OFFLOAD_HTTP_ADDR=:8080":                                              "OFFLOAD_HTTP_ADDR is not a loopback address",
		"OFFLOAD_HTTP_ADDR=[::]:80":                                            "OFFLOAD_HTTP_ADDR is not a loopback address",
		"OFFLOAD_HTTP_ADDR=10.0.0.1:80":                                        "OFFLOAD_HTTP_ADDR is not a loopback address",
		"OFFLOAD_HTTP_ADDR=api.test:80":                                        "OFFLOAD_HTTP_ADDR is not a loopback address",
		"OFFLOAD_HTTP_ADDR=unix:/run/a":                                        "OFFLOAD_HTTP_ADDR is a Unix socket, which is for a proxy",
		"OFFLOAD_TRUSTED_PROXIES=10.0.0.1":                                     "OFFLOAD_TRUSTED_PROXIES is set",
		"OFFLOAD_PROXY_PROTOCOL=true":                                          "OFFLOAD_PROXY_PROTOCOL is true",
		"OFFLOAD_TLS_CERT_FILE=none.crt":                                       "OFFLOAD_TLS_CERT_FILE is set",
		"OFFLOAD_TLS_KEY_FILE=none.key":                                        "OFFLOAD_TLS_KEY_FILE is set",
		"OFFLOAD_PUBLIC_ORIGINS=http://localhost:3000,https://api.example.com": "OFFLOAD_PUBLIC_ORIGINS is set",
	} {
		t.Run(exposing, func(t *testing.T) {
			for _, environ := range [][]string{{exposing}, {exposing, "OFFLOAD_ENVIRONMENT= "}} {
				review := load(t, env(append(environ, "OFFLOAD_SESSION_SECRET="+weak)...))
				assert.True(t, review.Config.Production)
				assert.Equal(t, "production", review.Config.Environment)
				assert.Equal(t, "production", setting(t, review, "OFFLOAD_ENVIRONMENT").Value)
				assert.Equal(t, varSecret, review.Faults[0].Variable)
				assert.Equal(t, "OFFLOAD_ENVIRONMENT", review.Warnings[0].Variable)
				assert.Equal(t, "is not set, and "+clause+": the rules of production apply",
					review.Warnings[0].Problem)
			}
			review := load(t, inDevelopment(exposing, "OFFLOAD_SESSION_SECRET="+weak))
			assert.False(t, review.Config.Production)
			assert.Equal(t, "is development, and "+clause+
				": weak secrets are accepted although others may reach the service",
				review.Warnings[0].Problem)
			review = load(t, production(exposing))
			assert.True(t, review.Config.Production)
			for _, warning := range review.Warnings {
				assert.NotEqual(t, "OFFLOAD_ENVIRONMENT", warning.Variable)
			}
		})
	}
	for _, local := range []string{"OFFLOAD_HTTP_ADDR=127.0.0.1:0", "OFFLOAD_HTTP_ADDR=127.1.2.3:80",
		"OFFLOAD_HTTP_ADDR=[::1]:80", "OFFLOAD_HTTP_ADDR=localhost:80",
		"OFFLOAD_HTTP_ADDR=[::ffff:127.0.0.1]:80", "OFFLOAD_TRUSTED_PROXIES=",
		"OFFLOAD_PROXY_PROTOCOL=false", "OFFLOAD_TLS_CERT_FILE=", "OFFLOAD_PUBLIC_ORIGINS=",
		"OFFLOAD_PUBLIC_ORIGINS=http://localhost:8080,https://127.0.0.1:8443,http://[::1]:8081"} {
		t.Run(local, func(t *testing.T) {
			review := load(t, env(local))
			assertFindings(t, nil, review.Faults)
			assertFindings(t, []finding{unsetSecret}, review.Warnings)
			assert.Equal(t, "development", setting(t, review, "OFFLOAD_ENVIRONMENT").Value)
		})
	}
}
