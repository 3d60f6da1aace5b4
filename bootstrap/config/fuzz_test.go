package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap/config"
)

// FuzzLoad loads any environment and any file, with secrets in the right places and any text around
// them. It checks that nothing panics, that faults are complete, that a configuration without
// faults can serve, and that no secret is shown.
func FuzzLoad(f *testing.F) {
	for _, seed := range []struct{ environ, yaml, before, after string }{
		{"", "", "", ""},
		{"OFFLOAD_ENVIRONMENT=production", "log_level: info", " ", "\t"},
		{"OFFLOAD_TRUSTED_PROXIES=::1,,\xff\x00OFFLOAD_HTTP_ADDR=[::1]:0\x00=\x00OFFLOAD_=\x00OFFLOAD_\xff=x\x00X", "trusted_proxies: [10.0.0.0/8, ~]\nhttp_addr: {a: b}", "\"", "\""},
		{"OFFLOAD_SESSION_TTL_SECONDS=99999999999999999999\x00OFFLOAD_SESSION_TOKEN_ISSUER=\n",
			"a: &a [*a]\n", "*", ""},
		{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID=k", "session_secret: x", `","k":"`, `\q`},
		{"OFFLOAD_HTTP_ADDR_FILE=/nowhere\x00OFFLOAD_LOG_FORMAT_FILE=.", "log_level_file: [a]",
			"!secret '", "' # x"},
		{"OFFLOAD_LIMITER_MAX_SUBJECTS=1\x00OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=10000",
			"<<: {a: *b}\n? [c]\n: x\n---\n", "&a [", ", {x: y}]"},
		{"OFFLOAD_SESSION_SECRET=x\x00OFFLOAD_AI_X=1", "environment: prod\nbuild_version: *a",
			"&a ", ": x"},
		{"OFFLOAD_LIMITER_STORAGE=redis\x00OFFLOAD_PROXY_PROTOCOL=true", "\t", "\x00", "\xff"},
	} {
		f.Add(seed.environ, seed.yaml, seed.before, seed.after)
	}
	tempDir(f)
	f.Fuzz(func(t *testing.T, environ, yaml, before, after string) {
		// A line break would make the secret the value of an unknown variable.
		if strings.ContainsAny(before+after, "\n\r\u0085\u2028\u2029") {
			return
		}
		text := "session_secret: " + before + strongA + after + "\n" + yaml
		require.NoError(t, os.WriteFile(yamlName, []byte(text), 0o600))
		review := config.Load(config.Sources{
			Environ: append(strings.Split(environ, "\x00"),
				"OFFLOAD_CONFIG_FILE="+yamlName, "OFFLOAD_LIMITER_DIGEST_KEY="+before+strongB+after,
				`OFFLOAD_SESSION_SIGNING_KEYS={"v2-default":"`+before+strongC+after+`"}`),
			Random: func(n int) []byte { return []byte(randomKey)[:n] },
		})
		assertNoSecret(t, fmt.Sprint(review.Faults, review.Warnings, review.Settings),
			strongA, strongB, strongC)
		for _, fault := range review.Faults {
			assert.NotContains(t, []string{fault.Variable, fault.Origin, fault.Problem,
				fault.Remedy}, "")
		}
		if len(review.Faults) == 0 {
			require.NotNil(t, review.Keyring)
			assert.NotEmpty(t, review.Config.DigestKey.Bytes())
			assert.Positive(t, review.Config.Session.Lifetime)
		}
	})
}
