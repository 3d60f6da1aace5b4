package config_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNamesInAnyCase(t *testing.T) {
	tempDir(t)
	for name, in := range map[string]input{
		"environment": env("offload_session_ttl_seconds=70", "Offload_Log_Level=warn"),
		"YAML":        inYAML("Session_TTL_seconds: 70\nLOG_LEVEL: warn"),
	} {
		t.Run(name, func(t *testing.T) {
			review := load(t, in)
			assertFindings(t, nil, review.Faults)
			assertFindings(t, []finding{unsetSecret}, review.Warnings)
			assert.Equal(t, 70*time.Second, review.Config.Session.Lifetime)
			assert.Equal(t, "warn", review.Config.LogLevel.String())
		})
	}
	t.Run("a secret in lower case is production's", func(t *testing.T) {
		review := load(t, env("offload_environment=production",
			"offload_session_secret="+strongA))
		assertFindings(t, nil, review.Faults)
		assert.True(t, review.Config.Production)
	})
	t.Run("the same name twice", func(t *testing.T) {
		assertFindings(t, []finding{{"OFFLOAD_LOG_LEVEL", "environment",
			"is set twice, as OFFLOAD_LOG_LEVEL and as offload_log_level"}},
			load(t, env("offload_log_level=warn", "OFFLOAD_LOG_LEVEL=info")).Faults)
		assertFindings(t, []finding{{"OFFLOAD_LOG_LEVEL", "file session.yaml",
			"is set twice, as LOG_LEVEL_FILE and as log_level_file"}},
			load(t, inYAML("log_level_file: a\nLOG_LEVEL_FILE: b")).Faults)
	})
	t.Run("the name of the file in lower case", func(t *testing.T) {
		write(t, "other.yaml", "session_ttl_seconds: 8", 0o600)
		assert.Equal(t, 8*time.Second,
			load(t, env("offload_config_file=other.yaml")).Config.Session.Lifetime)
	})
}

// TestMisspelledNames gives names within two edits of that of a variable which is not set itself.
func TestMisspelledNames(t *testing.T) {
	const misspelled = "OFFLOAD_TRUSTED_PROXYS"
	want := []finding{{misspelled, "environment", "is unknown"}}
	assertFindings(t, want, load(t, production(misspelled+"=10.0.0.1")).Faults)
	assertFindings(t, append([]finding{unsetSecret}, want...),
		load(t, env(misspelled+"=10.0.0.1")).Warnings)
	assert.Contains(t, load(t, production(misspelled+"=10.0.0.1")).Faults[0].Remedy,
		"did you mean OFFLOAD_TRUSTED_PROXIES?")

	t.Run("of a variable that is set", func(t *testing.T) {
		review := load(t, production(misspelled+"=10.0.0.1", "OFFLOAD_TRUSTED_PROXIES=10.0.0.1"))
		assertFindings(t, nil, review.Faults)
		assertFindings(t, want, review.Warnings)
	})
	t.Run("of a name that is far from all others", func(t *testing.T) {
		review := load(t, production("OFFLOAD_FEATURE_OF_TOMORROW=1"))
		assertFindings(t, nil, review.Faults)
		assertFindings(t, []finding{{"OFFLOAD_FEATURE_OF_TOMORROW", "environment", "is unknown"}},
			review.Warnings)
	})
	t.Run("with a blank behind it", func(t *testing.T) {
		assertFindings(t, []finding{{`"OFFLOAD_TRUSTED_PROXIES "`, "environment", "is unknown"}},
			load(t, production("OFFLOAD_TRUSTED_PROXIES =10.0.0.1")).Faults)
	})
	t.Run("in the singular", func(t *testing.T) {
		review := load(t, production("OFFLOAD_TRUSTED_PROXY=10.0.0.1"))
		assertFindings(t, []finding{{"OFFLOAD_TRUSTED_PROXY", "environment", "is unknown"}},
			review.Faults)
		assert.Contains(t, review.Faults[0].Remedy, "did you mean OFFLOAD_TRUSTED_PROXIES?")
	})
	t.Run("a word cut short", func(t *testing.T) {
		for name, want := range map[string]string{"OFFLOAD_ENV": "OFFLOAD_ENVIRONMENT",
			"OFFLOAD_OPS_ADD_HOST": "OFFLOAD_OPS_ADDR"} {
			review := load(t, env(name+"=x"))
			assertFindings(t, []finding{unsetSecret, {name, "environment", "is unknown"}},
				review.Warnings)
			assert.Equal(t, "remove or correct it; the most similar known name is "+want,
				review.Warnings[1].Remedy)
		}
	})
	t.Run("in the configuration file", func(t *testing.T) {
		tempDir(t)
		assertFindings(t, []finding{{"session_tll_seconds", "file session.yaml", "is unknown"}},
			load(t, input{yaml: "session_tll_seconds: 5", environ: production().environ}).Faults)
	})
}

// TestMisspeltPrefixes gives names of variables that the prefix does not mark as ours. They do not
// stop the start, for they may belong to another program.
func TestMisspeltPrefixes(t *testing.T) {
	for name, meant := range map[string]string{
		"OFLOAD_TRUSTED_PROXIES":        "OFFLOAD_TRUSTED_PROXIES",
		"OFFLAOD_TRUSTED_PROXIES":       "OFFLOAD_TRUSTED_PROXIES",
		"ofload_log_level_file":         "OFFLOAD_LOG_LEVEL_FILE",
		"OFFLOAD-TRUSTED-PROXIES":       "OFFLOAD_TRUSTED_PROXIES",
		"offload.log.level":             "OFFLOAD_LOG_LEVEL",
		"export OFFLOAD_LOG_LEVEL":      "OFFLOAD_LOG_LEVEL",
		" OFFLOAD_LOG_LEVEL":            "OFFLOAD_LOG_LEVEL",
		"\ufeffOFFLOAD_TRUSTED_PROXIES": "OFFLOAD_TRUSTED_PROXIES",
	} {
		t.Run(name, func(t *testing.T) {
			review := load(t, production(name+"=10.0.0.1"))
			assertFindings(t, nil, review.Faults)
			shown := name
			if strings.Trim(name, " \ufeff") != name {
				shown = strconv.Quote(name)
			}
			assertFindings(t, []finding{{shown, "environment", "is not the name of a variable"}},
				review.Warnings)
			assert.Contains(t, review.Warnings[0].Remedy, "did you mean "+meant+"?")
		})
	}
	t.Run("names of others", func(t *testing.T) {
		review := load(t, production("UPLOAD_LOG_LEVEL=x", "LOG_LEVEL=x", "OFLOAD_COLOUR=x",
			"OFLOAD=x", "PATH=x", "=C:=C:", "DOWNLOAD_LOG_LEVEL=x", "OFFLOADS=x",
			"export set OFFLOAD_LOG_LEVEL=x"))
		assertFindings(t, nil, review.Faults)
		assertFindings(t, nil, review.Warnings)
	})
	t.Run("of variables that are set", func(t *testing.T) {
		tempDir(t)
		review := load(t, input{yaml: "log_level: warn",
			environ: production("OFLOAD_LOG_LEVEL=warn").environ})
		assertFindings(t, nil, review.Warnings)
	})
}

// TestNamesOfContainerPlatforms has what Kubernetes injects for Services named offload and
// offload-api.
func TestNamesOfContainerPlatforms(t *testing.T) {
	review := load(t, production(
		"OFFLOAD_SERVICE_HOST=10.96.0.7", "OFFLOAD_SERVICE_PORT=8080",
		"OFFLOAD_SERVICE_PORT_HTTP=8080", "OFFLOAD_PORT=tcp://10.96.0.7:8080",
		"OFFLOAD_PORT_8080_TCP=tcp://10.96.0.7:8080", "OFFLOAD_PORT_8080_TCP_PROTO=tcp",
		"OFFLOAD_PORT_8080_TCP_PORT=8080", "OFFLOAD_PORT_8080_TCP_ADDR=10.96.0.7",
		"OFFLOAD_API_SERVICE_HOST=10.96.0.8", "OFFLOAD_API_SERVICE_PORT=53",
		"OFFLOAD_API_PORT=udp://10.96.0.8:53", "OFFLOAD_API_PORT_53_UDP=udp://10.96.0.8:53",
	))
	assertFindings(t, nil, review.Faults)
	assertFindings(t, nil, review.Warnings)
	assertFindings(t, []finding{{"OFFLOAD_PORT", "environment", "is unknown"}},
		load(t, production("OFFLOAD_PORT=8080")).Warnings)
}
