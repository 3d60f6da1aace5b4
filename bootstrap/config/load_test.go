package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

func TestDefaults(t *testing.T) {
	review := load(t, input{})
	assertFindings(t, nil, review.Faults)
	assertFindings(t, []finding{unsetSecret}, review.Warnings)
	assert.Equal(t, config.Config{
		Environment: "development", Production: false, BuildVersion: "1.2.3",
		Session: session.Settings{
			Issuer: "offload-backend", Audience: "offload-ios", BoundAudience: "offload-ios:bound",
			Lifetime: time.Hour, ClockSkew: 2 * time.Second, RenewalGrace: 7 * 24 * time.Hour,
		},
		Limits: issue.Limits{PerAddress: 32, PerNetwork: 2048, PerInstall: 4, RenewalsPerInstall: 2,
			RenewalsPerAddress: 10000, Window: time.Minute, Mode: ports.Enforce, IPv6Prefix: 64},
		Storage: ports.StorageMemory, RedisKeyPrefix: "sessiond:", RedisTimeout: 50 * time.Millisecond,
		OnOutage:    ports.OutageLocal,
		MaxSubjects: 1000000, DigestKey: config.NewSecret(randomKey[:32]),
		TrustedProxies: clientaddr.NewTrusted(), TrustedPrefixes: []netip.Prefix{},
		TrustedProxyHeader: clientaddr.XForwardedForHeader,
		HTTPAddr:           "127.0.0.1:8080", OpsAddr: "127.0.0.1:9090", HTTP2: true,
		MaxConnections: 20000, MaxConnectionsPerAddress: 2000,
		MaxRequests: 1024, MaxHeaderBytes: 16384,
		ReadTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, ShutdownGrace: 15 * time.Second,
		LogLevel: ports.LogInfo, LogFormat: ports.LogJSON,
	}, review.Config)
	signer, ok := review.Keyring.SignerAt(time.Unix(1700000000, 0))
	require.True(t, ok)
	assert.Equal(t, "v2-default", string(signer.ID()))
	assert.Equal(t, []byte(randomKey)[:32], signer.Secret())
}

func TestAllVariables(t *testing.T) {
	tempDir(t)
	review := load(t, env(
		"OFFLOAD_ENVIRONMENT= Production\t", "OFFLOAD_BUILD_VERSION=2.0",
		"OFFLOAD_SESSION_SECRET= "+strongA+"\n",
		"OFFLOAD_SESSION_TTL_SECONDS=1", "OFFLOAD_SESSION_TOKEN_ISSUER= me ",
		"OFFLOAD_SESSION_TOKEN_AUDIENCE=\u2003you", "OFFLOAD_SESSION_TOKEN_ACTIVE_KID= k1 ",
		"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS=0", "OFFLOAD_SESSION_BACKDATE_SECONDS=9",
		"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS=0",
		"OFFLOAD_SESSION_BINDING=Accept", "OFFLOAD_SESSION_BOUND_AUDIENCE= yours ",
		"OFFLOAD_PUBLIC_ORIGINS=https://api.example.com",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=7",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK=70",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=3",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL=5", "OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP=80",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS=30", "OFFLOAD_SESSION_ISSUE_LIMIT_MODE=observe",
		"OFFLOAD_LIMITER_MAX_SUBJECTS=10", "OFFLOAD_LIMITER_DIGEST_KEY= "+strongB+" ",
		"OFFLOAD_LIMITER_IPV6_PREFIX=48",
		"OFFLOAD_LIMITER_STORAGE=redis", "OFFLOAD_REDIS_URL= rediss://u:p@[::1]:1/2\n",
		"OFFLOAD_REDIS_TIMEOUT_MS=70", "OFFLOAD_LIMITER_ON_OUTAGE=deny",
		"OFFLOAD_REDIS_KEY_PREFIX= {a}:",
		"OFFLOAD_TRUSTED_PROXIES=10.0.0.0/16, 2001:db8::1",
		"OFFLOAD_TRUSTED_PROXY_HEADER=x-forwarded-FOR", "OFFLOAD_HTTP_ADDR=[::1]:0",
		"OFFLOAD_OPS_ADDR=", "OFFLOAD_OPS_HOSTS=Ops.example.com, ops",
		"OFFLOAD_HTTP2=false", "OFFLOAD_HTTP_MAX_CONNECTIONS=5",
		"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS=6", "OFFLOAD_HTTP_MAX_REQUESTS=8",
		"OFFLOAD_HTTP_MAX_HEADER_BYTES=7000", "OFFLOAD_HTTP_READ_TIMEOUT_SECONDS=3",
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS=4",
		"OFFLOAD_SHUTDOWN_DELAY_SECONDS=1", "OFFLOAD_SHUTDOWN_GRACE_SECONDS=0",
		"OFFLOAD_LOG_LEVEL=debug", "OFFLOAD_LOG_FORMAT=text",
	))
	assertFindings(t, nil, review.Faults)
	assertFindings(t, []finding{
		{"OFFLOAD_SESSION_ISSUE_LIMIT_MODE", "environment", "is observe"},
		{"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS", "environment", "is not above the 60 s"},
		{"OFFLOAD_SHUTDOWN_GRACE_SECONDS", "environment", "is 0: each stop"},
	}, review.Warnings)
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"),
		netip.MustParsePrefix("2001:db8::1/128")}
	url, err := redis.ParseURL("rediss://u:p@[::1]:1/2")
	require.NoError(t, err)
	url = url.WithTLSFiles(redis.TLSFiles{Strict: true})
	origin, ok := proof.ParseOrigin("https://api.example.com")
	require.True(t, ok)
	assert.Equal(t, config.Config{
		Environment: "production", Production: true, BuildVersion: "2.0",
		Session: session.Settings{Issuer: "me", Audience: "you", Lifetime: time.Second,
			Backdate: 9 * time.Second, Binding: session.BindingAccept, BoundAudience: "yours"},
		PublicOrigins: []proof.Origin{origin},
		Limits: issue.Limits{PerAddress: 7, PerNetwork: 70, PerInstall: 3, RenewalsPerInstall: 5,
			RenewalsPerAddress: 80, Window: 30 * time.Second,
			Mode: ports.Observe, IPv6Prefix: 48},
		Storage: ports.StorageRedis, RedisURL: url, RedisKeyPrefix: " {a}:",
		RedisTimeout: 70 * time.Millisecond, OnOutage: ports.OutageDeny,
		MaxSubjects: 10, DigestKey: config.NewSecret(strongB),
		TrustedProxies: clientaddr.NewTrusted(proxies...), TrustedPrefixes: proxies,
		TrustedProxyHeader: clientaddr.XForwardedForHeader,
		HTTPAddr:           "[::1]:0", OpsHosts: []string{"ops.example.com", "ops"}, MaxConnections: 5,
		MaxConnectionsPerAddress: 6, MaxRequests: 8, MaxHeaderBytes: 7000, ReadTimeout: 3 * time.Second,
		IdleTimeout: 4 * time.Second, ShutdownDelay: time.Second,
		LogLevel: ports.LogDebug, LogFormat: ports.LogText,
	}, review.Config)
	signer, ok := review.Keyring.SignerAt(time.Unix(1700000000, 0))
	require.True(t, ok)
	assert.Equal(t, "k1", string(signer.ID()))
	assert.Equal(t, []byte(strongA), signer.Secret())
}

func TestEnvironments(t *testing.T) {
	for text, want := range map[string]struct {
		word       string
		production bool
	}{
		"": {"development", false}, " \t": {"development", false}, "dev": {"dev", false},
		"DEV": {"dev", false}, " Development ": {"development", false},
		"local": {"local", false}, "test": {"test", false}, "Testing": {"testing", false},
		"production": {"production", true}, "prod": {"prod", true}, "staging": {"staging", true},
		"develop": {"develop", true}, "dev,": {"dev,", true}, "TESTİNG": {"testİng", true},
	} {
		t.Run(text, func(t *testing.T) {
			review := load(t, env("OFFLOAD_ENVIRONMENT="+text, "OFFLOAD_SESSION_SECRET="+strongA))
			assertFindings(t, nil, review.Faults)
			assert.Equal(t, want.word, review.Config.Environment)
			assert.Equal(t, want.production, review.Config.Production)
			address := "127.0.0.1:8080"
			if want.production {
				address = ":8080"
			}
			assert.Equal(t, address, review.Config.HTTPAddr)
			assert.Equal(t, config.Setting{Variable: "OFFLOAD_HTTP_ADDR", Value: address,
				Origin: "default"}, setting(t, review, "OFFLOAD_HTTP_ADDR"))
		})
	}
	t.Run("an unreadable environment is production-like", func(t *testing.T) {
		tempDir(t)
		review := load(t, env("OFFLOAD_ENVIRONMENT_FILE=/nowhere/at-all"))
		assert.True(t, review.Config.Production)
		assertFindings(t, []finding{
			{"OFFLOAD_ENVIRONMENT", "environment, by OFFLOAD_ENVIRONMENT_FILE",
				"/nowhere/at-all, which is not found"},
			{"OFFLOAD_SESSION_SECRET", "default", "is not set"},
		}, review.Faults)
	})
}

func TestLaterSourceOverrides(t *testing.T) {
	const variable = "OFFLOAD_SESSION_TTL_SECONDS"
	in := input{}
	steps := []struct {
		origin string
		add    func(t *testing.T)
		want   time.Duration
	}{
		{"default", func(*testing.T) {}, 3600},
		{"file session.yaml", func(*testing.T) { in.yaml = "session_ttl_seconds: 1" }, 1},
		{"environment", func(*testing.T) { in.environ = []string{variable + "=2"} }, 2},
		{"environment, by OFFLOAD_SESSION_TTL_SECONDS_FILE", func(t *testing.T) {
			in.environ = []string{variable + "_FILE=" + write(t, "three", "3\n", 0o644)}
		}, 3},
		{"flag --session-ttl-seconds", func(*testing.T) {
			in.args = []string{"--session-ttl-seconds=4"}
		}, 4},
	}
	tempDir(t)
	for _, step := range steps {
		t.Run(step.origin, func(t *testing.T) {
			step.add(t)
			review := load(t, in)
			assertFindings(t, nil, review.Faults)
			assert.Equal(t, step.want*time.Second, review.Config.Session.Lifetime)
			assert.Equal(t, step.origin, setting(t, review, variable).Origin)
		})
	}
	t.Run("a value overrides the file of an earlier source, which is not opened",
		func(t *testing.T) {
			review := load(t, input{yaml: "session_ttl_seconds_file: /nowhere/at-all",
				environ: []string{variable + "=2"}})
			assertFindings(t, nil, review.Faults)
			assert.Equal(t, 2*time.Second, review.Config.Session.Lifetime)
		})
	t.Run("an overridden value is not checked", func(t *testing.T) {
		review := load(t, input{yaml: "session_ttl_seconds: [no, number]",
			environ: []string{variable + "=2"}})
		assertFindings(t, nil, review.Faults)
	})
	t.Run("the flag --config overrides the environment", func(t *testing.T) {
		write(t, "other.yaml", "session_ttl_seconds: 9", 0o600)
		review := load(t, input{yaml: "session_ttl_seconds: 1",
			args: []string{"--config=other.yaml"}})
		assertFindings(t, nil, review.Faults)
		assert.Equal(t, 9*time.Second, review.Config.Session.Lifetime)
		assert.Equal(t, config.Setting{Variable: "OFFLOAD_CONFIG_FILE", Value: "other.yaml",
			Origin: "flag --config"}, review.Settings[0])
	})
	t.Run("an empty flag --config is ignored", func(t *testing.T) {
		review := load(t, input{yaml: "session_ttl_seconds: 1", args: []string{"--config="}})
		assert.Equal(t, time.Second, review.Config.Session.Lifetime)
	})
}

func TestEmptyValues(t *testing.T) {
	runCases(t, []testCase{
		{"not set: secrets and files", env("OFFLOAD_SESSION_SECRET=",
			"OFFLOAD_SESSION_SIGNING_KEYS=", "OFFLOAD_LIMITER_DIGEST_KEY=", "OFFLOAD_REDIS_URL=",
			"OFFLOAD_SESSION_KEYSET_FILE=", "OFFLOAD_SESSION_ISSUE_TRACE_FILE=",
			"OFFLOAD_TLS_CERT_FILE=", "OFFLOAD_TLS_KEY_FILE=", "OFFLOAD_SECRET_DENYLIST_FILE=",
			"OFFLOAD_CONFIG_FILE=", "OFFLOAD_HTTP_ADDR_FILE=", "OFFLOAD_SESSION_SECRET_FILE=",
			"OFFLOAD_LOG_LEVEL_FILE="), nil, []finding{unsetSecret}},
		{"not set: flags", input{args: []string{"--session-keyset-file=",
			"--tls-cert-file=", "--secret-denylist-file="}}, nil, []finding{unsetSecret}},
		{"not set: in a file", inYAML(
			"session_secret:\nsession_signing_keys: ~\nlimiter_digest_key: ''\nredis_url: \"\"\nsession_keyset_file:\nhttp_addr_file:\n"), nil, []finding{unsetSecret}},
		{"set and valid", env("OFFLOAD_ENVIRONMENT=", "OFFLOAD_BUILD_VERSION=",
			"OFFLOAD_TRUSTED_PROXIES=", "OFFLOAD_CORS_ALLOWED_ORIGINS=", "OFFLOAD_OPS_ADDR="), nil,
			[]finding{unsetSecret}},
		{"set and invalid", env("OFFLOAD_HTTP_ADDR=", "OFFLOAD_SESSION_TOKEN_ISSUER=",
			"OFFLOAD_SESSION_TOKEN_AUDIENCE= ", "OFFLOAD_SESSION_TOKEN_ACTIVE_KID=",
			"OFFLOAD_SESSION_TTL_SECONDS=", "OFFLOAD_LOG_LEVEL=", "OFFLOAD_PROXY_PROTOCOL=",
			"OFFLOAD_TRUSTED_PROXY_HEADER=", "OFFLOAD_LIMITER_STORAGE="), []finding{
			{"OFFLOAD_SESSION_TTL_SECONDS", "environment",
				"is not a whole number from 1 to 31536000"},
			{"OFFLOAD_SESSION_TOKEN_ISSUER", "environment", "is empty"},
			{"OFFLOAD_SESSION_TOKEN_AUDIENCE", "environment", "is empty"},
			{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "environment", "is not a valid key id"},
			{"OFFLOAD_LIMITER_STORAGE", "environment", "is not one of the allowed values"},
			{"OFFLOAD_TRUSTED_PROXY_HEADER", "environment",
				"is not one of the allowed values"},
			{"OFFLOAD_PROXY_PROTOCOL", "environment", "is not true or false"},
			{"OFFLOAD_HTTP_ADDR", "environment", "is empty"},
			{"OFFLOAD_LOG_LEVEL", "environment", "is not one of the allowed values"},
		}, []finding{unsetSecret}},
	})
	t.Run("an empty value that counts as not set does not override", func(t *testing.T) {
		tempDir(t)
		review := load(t, input{yaml: "session_secret: " + strongA,
			environ: []string{"OFFLOAD_SESSION_SECRET="}})
		assertFindings(t, nil, review.Faults)
		assertFindings(t, nil, review.Warnings)
		assert.Equal(t, []byte(strongA), review.Keyring.Keys()[0].Secret())
		assert.Equal(t, "file session.yaml", setting(t, review, "OFFLOAD_SESSION_SECRET").Origin)
	})
	t.Run("an empty value that counts as set overrides", func(t *testing.T) {
		tempDir(t)
		review := load(t, input{yaml: "trusted_proxies: 10.0.0.1\nops_addr: :1",
			environ: []string{"OFFLOAD_TRUSTED_PROXIES=", "OFFLOAD_OPS_ADDR="}})
		assertFindings(t, nil, review.Faults)
		assert.Empty(t, review.Config.TrustedPrefixes)
		assert.Empty(t, review.Config.OpsAddr)
	})
}

func TestOriginsOfFaults(t *testing.T) {
	const variable, problem = "OFFLOAD_LOG_FORMAT", "is not one of the allowed values"
	tempDir(t)
	write(t, "format", "xml\n", 0o644)
	check := func(name string, in input, origin string) {
		t.Run(name, func(t *testing.T) {
			assertFindings(t, []finding{{variable, origin, problem}},
				load(t, in).Faults)
		})
	}
	check("environment", env(variable+"=xml"), "environment")
	check("file of the environment", env(variable+"_FILE=format"),
		"environment, by OFFLOAD_LOG_FORMAT_FILE")
	check("YAML", inYAML("log_format: xml"), "file session.yaml")
	check("file of YAML", inYAML("log_format_file: format"),
		"file session.yaml, by log_format_file")
	check("flag", input{args: []string{"--log-format", "xml"}}, "flag --log-format")
}

func TestUnknownNames(t *testing.T) {
	runCases(t, []testCase{
		{"in the environment", env("OFFLOAD_HTTP_ADR=x", "OFFLOAD_SESSION_SECRT_FILE=x",
			"OFFLOAD_CONFIGFILE=x", "OTHER=x", "offload_x=1"), nil,
			[]finding{
				unsetSecret,
				{"OFFLOAD_CONFIGFILE", "environment", "is unknown"},
				{"OFFLOAD_HTTP_ADR", "environment", "is unknown"},
				{"OFFLOAD_SESSION_SECRT_FILE", "environment", "is unknown"},
				{"offload_x", "environment", "is unknown"},
			}},
		{"in a file",
			inYAML("http_adr: x\nOFFLOAD_HTTP_ADDR: x\nconfig_file: x\nhttp:\n  addr: x\n1: x\na.b: x"), nil, []finding{
				unsetSecret,
				{"OFFLOAD_HTTP_ADDR", "file session.yaml", "is unknown"},
				{"1", "file session.yaml", "is unknown"},
				{"a.b", "file session.yaml", "is unknown"},
				{"config_file", "file session.yaml", "is unknown"},
				{"http", "file session.yaml", "is unknown"},
				{"http_adr", "file session.yaml", "is unknown"},
			}},
		{"of other services", env("OFFLOAD_AI_X=1", "OFFLOAD_OPENAI_KEY=1",
			"OFFLOAD_ANTHROPIC_KEY=1", "OFFLOAD_APPLE_ID=1", "OFFLOAD_USAGE_DB=1",
			"OFFLOAD_MAX_INPUT_CHARS=1", "OFFLOAD_DEFAULT_FEATURE_QUOTA=1"), nil,
			[]finding{unsetSecret}},
		{"similar to those of other services", env("OFFLOAD_AI=1", "OFFLOAD_MAX_INPUT_CHARS_2=1"),
			nil, []finding{
				unsetSecret, {"OFFLOAD_AI", "environment", "is unknown"},
				{"OFFLOAD_MAX_INPUT_CHARS_2", "environment", "is unknown"},
			}},
		{"an address instead of a name", inYAML("redis://u:" + redisPassword + "@h: redis"),
			nil, []finding{unsetSecret, {"OFFLOAD_*", "file session.yaml",
				"has an address instead of a name"}}},
		{"a secret instead of a name", inYAML(strongA + ": secret"), nil, []finding{unsetSecret,
			{"OFFLOAD_*", "file session.yaml", "has an unknown name"}}},
		{"a secret instead of a name, in the environment", env("OFFLOAD_" + strongA + "=x"), nil,
			[]finding{unsetSecret, {"OFFLOAD_*", "environment", "has an unknown name"}}},
		{"a long name", env("OFFLOAD_" + strings.Repeat("LIMIT_", 9) + "X=x"), nil,
			[]finding{unsetSecret, {"OFFLOAD_" + strings.Repeat("LIMIT_", 9) + "X", "environment",
				"is unknown"}}},
		{"with control characters", env("OFFLOAD_\x1b[2J\xff\n=x"), nil,
			[]finding{unsetSecret, {`"OFFLOAD_\x1b[2J\xff\n"`, "environment", "is unknown"}}},
	})
	t.Run("the most similar known name is suggested", func(t *testing.T) {
		tempDir(t)
		review := load(t, input{yaml: "http_adr: x\n",
			environ: []string{"OFFLOAD_SESSION_SECRT_FILE=x", "OFFLOAD_CONFGI_FILE=x",
				"OFFLOAD_LOGLEVEL=debug"}})
		remedies := map[string]string{}
		for _, warning := range review.Warnings {
			remedies[warning.Variable] = warning.Remedy
		}
		assert.Contains(t, remedies["http_adr"], " http_addr")
		assert.Contains(t, remedies["OFFLOAD_SESSION_SECRT_FILE"], " OFFLOAD_SESSION_SECRET_FILE")
		assert.Contains(t, remedies["OFFLOAD_CONFGI_FILE"], " OFFLOAD_CONFIG_FILE")
		assert.Contains(t, remedies["OFFLOAD_LOGLEVEL"], " OFFLOAD_LOG_LEVEL")
	})
	t.Run("more than the maximum are counted", func(t *testing.T) {
		tempDir(t)
		var many strings.Builder
		for i := range 5000 {
			many.WriteString("k" + strings.Repeat("x", i%50) + time.Duration(i).String() + ": 1\n")
		}
		review := load(t, inYAML(many.String()))
		require.Len(t, review.Warnings, 1+20+1)
		assert.Equal(t, "has 4980 more unknown names", review.Warnings[21].Problem)
	})
}

// TestLongestTokenIsAccepted checks that a token with the longest texts that the configuration
// allows stays within the size that verification accepts.
func TestLongestTokenIsAccepted(t *testing.T) {
	longest := strings.Repeat(`"`, 255)
	review := load(t, production("OFFLOAD_SESSION_TOKEN_ISSUER="+longest,
		"OFFLOAD_SESSION_TOKEN_AUDIENCE="+longest,
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID="+strings.Repeat("k", 64)))
	assertFindings(t, nil, review.Faults)
	id, rule := session.ParseInstallID(strings.Repeat("\U0001F600", 128))
	require.Equal(t, session.RuleNone, rule)
	now := time.Unix(int64(session.MaxUnix)-7200, 0)
	signer, _ := review.Keyring.SignerAt(now)
	text := token.Sign(review.Config.Session.Claims(id, signer.ID(), now), signer)
	assert.LessOrEqual(t, len(text), 4096)
	_, err := token.Verify(text, review.Keyring, review.Config.Session, now)
	assert.NoError(t, err)
}

// TestTextsInQuotes checks that quotes that a tool kept, such as docker --env-file, are no part of
// a text.
func TestTextsInQuotes(t *testing.T) {
	for _, name := range []string{"OFFLOAD_SESSION_TOKEN_ISSUER", "OFFLOAD_SESSION_TOKEN_AUDIENCE",
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "OFFLOAD_HTTP_ADDR", "OFFLOAD_OPS_ADDR",
		"OFFLOAD_BUILD_VERSION"} {
		for _, quote := range []string{`"`, "'", "`"} {
			review := load(t, production(name+"="+quote+"127.0.0.1:9091"+quote))
			assertFindings(t, []finding{{name, "environment", "is enclosed in quotes"}}, review.Faults)
		}
	}
	for _, text := range []string{`"`, `"a`, `a"`, `"a" and "b"`, `"a'`} {
		review := load(t, production("OFFLOAD_SESSION_TOKEN_ISSUER="+text))
		assertFindings(t, nil, review.Faults)
		assert.Equal(t, text, review.Config.Session.Issuer)
	}
}
