package config_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap/config"
)

func TestNumbers(t *testing.T) {
	for variable, bounds := range map[string][2]int64{
		"OFFLOAD_SESSION_TTL_SECONDS":                {1, 31536000},
		"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS":         {0, 60},
		"OFFLOAD_SESSION_BACKDATE_SECONDS":           {0, 60},
		"OFFLOAD_SESSION_RENEWAL_GRACE_SECONDS":      {0, 31536000},
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         {1, 10000},
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK":    {0, 100000},
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    {1, 10000},
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL":  {1, 10000},
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP":       {1, 100000},
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": {1, 86400},
		"OFFLOAD_LIMITER_MAX_SUBJECTS":               {1, 100000000},
		"OFFLOAD_LIMITER_IPV6_PREFIX":                {32, 128},
		"OFFLOAD_REDIS_TIMEOUT_MS":                   {1, 10000},
		"OFFLOAD_HTTP_MAX_CONNECTIONS":               {1, 0},
		"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS":   {1, 0},
		"OFFLOAD_HTTP_MAX_REQUESTS":                  {1, 0},
		"OFFLOAD_HTTP_MAX_HEADER_BYTES":              {4096, 1048576},
		"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS":          {1, 3600},
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS":          {1, 3600},
		"OFFLOAD_SHUTDOWN_DELAY_SECONDS":             {0, 3600},
		"OFFLOAD_SHUTDOWN_GRACE_SECONDS":             {0, 3600},
	} {
		invalid := []string{"-1", "++5", "+ 5", "1.5", "1.", ".0", "1e1", "0x20", "1_0", "3 3", "33s",
			"", "+", "٣", "three", "99999999999999999999"}
		least := strconv.FormatInt(bounds[0], 10)
		valid := []string{least, " " + least + "\t", "+" + least, "00" + least, least + ".00"}
		problem := fmt.Sprintf("is not a whole number from %d to %d", bounds[0], bounds[1])
		if bounds[0] > 0 {
			invalid = append(invalid, strconv.FormatInt(bounds[0]-1, 10))
		}
		if bounds[1] > 0 {
			invalid, valid = append(invalid, strconv.FormatInt(bounds[1]+1, 10)),
				append(valid, strconv.FormatInt(bounds[1], 10))
		} else {
			valid, problem = append(valid, "9223372036854775807"),
				fmt.Sprintf("is not a whole number of at least %d", bounds[0])
		}
		for _, text := range invalid {
			t.Run(variable+"="+text, func(t *testing.T) {
				assertFindings(t, []finding{{variable, "environment", problem}},
					load(t, env(variable+"="+text)).Faults)
			})
		}
		for _, text := range valid {
			t.Run(variable+"="+text, func(t *testing.T) {
				// A storage of few subjects can hold only small limits.
				review := load(t, env(append(slices.Clone(smallLimits), variable+"="+text)...))
				assertFindings(t, nil, review.Faults)
			})
		}
	}
}

func TestEnumerations(t *testing.T) {
	for variable, words := range map[string]struct{ valid, invalid []string }{
		"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": {[]string{"enforce", "observe", "Enforce", "observe "},
			[]string{"", "off"}},
		"OFFLOAD_LIMITER_STORAGE": {[]string{"memory", "Memory"},
			[]string{"", "foo", "memory redis"}},
		"OFFLOAD_LIMITER_ON_OUTAGE": {[]string{"local", "deny", "allow", "LOCAL"},
			[]string{"", "block"}},
		"OFFLOAD_TRUSTED_PROXY_HEADER": {[]string{"X-Forwarded-For", "x-forwarded-for",
			"Forwarded", "forwarded"}, []string{"", "X-Real-IP", "X-Forwarded-For Forwarded"}},
		"OFFLOAD_LOG_LEVEL": {[]string{"debug", "info", "warn", "error", "WARN"},
			[]string{"", "trace", "info+2", "-4"}},
		"OFFLOAD_LOG_FORMAT": {[]string{"json", "text", "JSON"}, []string{"", "xml"}},
	} {
		for _, word := range words.valid {
			t.Run(variable+"="+word, func(t *testing.T) {
				assertFindings(t, nil, load(t, env(variable+"="+word)).Faults)
			})
		}
		for _, word := range words.invalid {
			t.Run(variable+"="+word, func(t *testing.T) {
				review := load(t, env(variable+"="+word))
				assertFindings(t, []finding{{variable, "environment",
					"is not one of the allowed values"}}, review.Faults)
				assert.Contains(t, review.Faults[0].Remedy, words.valid[0])
			})
		}
	}
	for _, text := range []string{"", "yes", "1", "true false"} {
		t.Run("OFFLOAD_PROXY_PROTOCOL="+text, func(t *testing.T) {
			assertFindings(t, []finding{{"OFFLOAD_PROXY_PROTOCOL", "environment",
				"is not true or false"}},
				load(t, env("OFFLOAD_PROXY_PROTOCOL="+text)).Faults)
		})
	}
}

func TestLabels(t *testing.T) {
	for _, variable := range []string{"OFFLOAD_ENVIRONMENT", "OFFLOAD_BUILD_VERSION",
		"OFFLOAD_SESSION_TOKEN_ISSUER", "OFFLOAD_SESSION_TOKEN_AUDIENCE"} {
		for name, text := range map[string]string{
			"256 bytes": strings.Repeat("é", 128), "huge": strings.Repeat("x", 1<<16),
			"bad UTF-8": "a\xffb", "a line break": "a\nb", "NUL": "a\x00b", "C1": "a\u0085b",
		} {
			t.Run(variable+" with "+name, func(t *testing.T) {
				review := load(t, env(variable+"="+text, "OFFLOAD_SESSION_SECRET="+strongA))
				assertFindings(t, []finding{{variable, "environment",
					"is longer than 255 bytes, not valid UTF-8, or has control characters"}},
					review.Faults)
				assert.Less(t, len(setting(t, review, variable).Value), 1000)
			})
		}
		for name, text := range map[string]string{"255 bytes": strings.Repeat("é", 127) + "x",
			"any script": "жé中 🙂", "white space within": "a b"} {
			t.Run(variable+" with "+name, func(t *testing.T) {
				assertFindings(t, nil, load(t, env(variable+"="+text,
					"OFFLOAD_SESSION_SECRET="+strongA)).Faults)
			})
		}
	}
}

func TestKeyIDs(t *testing.T) {
	for _, id := range []string{"", " ", strings.Repeat("k", 65), "a b", "a/b", "é", "a\x00",
		"a\nb"} {
		t.Run(id, func(t *testing.T) {
			assertFindings(t, []finding{{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "environment",
				"is not a valid key id"}},
				load(t, env("OFFLOAD_SESSION_TOKEN_ACTIVE_KID="+id)).Faults)
			assertFindings(t, []finding{{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "environment",
				"is not a valid key id"}},
				load(t, production("OFFLOAD_SESSION_TOKEN_ACTIVE_KID="+id)).Faults)
		})
	}
}

func TestListeners(t *testing.T) {
	invalid := []string{"8080", "127.0.0.1", "127.0.0.1:", ":", ":65536", ":-1", ":http", ":080",
		": 80", "::1:80", "[::1]", "a b:80", "a_b:80", "256.1.1.1:80", "127.1:80",
		"http://x:80", "x:80/", "[x]:y", "\x00:80", "a\nb:80", strings.Repeat("x.", 127) + "x:80",
		strings.Repeat("x", 64) + ":80", strongA + ":80"}
	for _, address := range invalid {
		t.Run("invalid "+address, func(t *testing.T) {
			review := load(t, env("OFFLOAD_HTTP_ADDR="+address, "OFFLOAD_OPS_ADDR="+address))
			assertFindings(t, []finding{
				{"OFFLOAD_HTTP_ADDR", "environment", "is not an address of the form host:port"},
				{"OFFLOAD_OPS_ADDR", "environment", "is not an address of the form host:port"},
			}, review.Faults)
		})
	}
	for _, address := range []string{":0", ":65535", "0.0.0.0:80", "[::]:80", "[::1]:80",
		"[fe80::1%eth0]:80", "localhost:80", "my-host.example.com:80", "3com.com:80",
		"sessiond-deployment-7c5ddbdf54-x8zvq:80"} {
		t.Run("valid "+address, func(t *testing.T) {
			for _, in := range []input{inDevelopment("OFFLOAD_HTTP_ADDR=" + address),
				inDevelopment("OFFLOAD_OPS_ADDR="+address, "OFFLOAD_HTTP_ADDR=:1")} {
				assertFindings(t, nil, load(t, in).Faults)
			}
		})
	}
	for _, pair := range []struct {
		public, ops string
		same        bool
	}{
		{":80", ":80", true}, {":80", "127.0.0.1:80", true}, {"127.0.0.1:80", "0.0.0.0:80", true},
		{"[::1]:80", "0.0.0.0:80", true}, {"[::]:80", "10.0.0.1:80", true},
		{"localhost:80", "LOCALHOST:80", true}, {"[::1]:80", "[0::1]:80", true},
		{"[::ffff:10.0.0.1]:80", "10.0.0.1:80", true},
		{":80", ":81", false}, {":0", ":0", false}, {"127.0.0.1:80", "127.0.0.2:80", false},
		{":80", "", false},
	} {
		t.Run(pair.public+" and "+pair.ops, func(t *testing.T) {
			var want []finding
			if pair.same {
				want = []finding{{"OFFLOAD_OPS_ADDR", "environment",
					"is the same address as that of the public listener"}}
			}
			assertFindings(t, want, load(t, inDevelopment("OFFLOAD_HTTP_ADDR="+pair.public,
				"OFFLOAD_OPS_ADDR="+pair.ops)).Faults)
		})
	}
	t.Run("same port as the default address", func(t *testing.T) {
		assertFindings(t, []finding{{"OFFLOAD_OPS_ADDR", "environment", "is the same address"}},
			load(t, production("OFFLOAD_OPS_ADDR=10.0.0.1:8080")).Faults)
	})
}

// TestFaultsShowValues checks that a fault shows a value that is certainly no secret, and what was
// probably meant.
func TestFaultsShowValues(t *testing.T) {
	for _, c := range []struct{ name, value, problem, remedy string }{
		{"OFFLOAD_SESSION_TTL_SECONDS", "1h", `from 1 to 31536000: "1h"`, "from 1 to 31536000"},
		{"OFFLOAD_SESSION_TTL_SECONDS", "0", `from 1 to 31536000: "0"`, "from 1 to 31536000"},
		{"OFFLOAD_LOG_LEVEL", "loud", `one of the allowed values: "loud"`, "debug or info"},
		{"OFFLOAD_PROXY_PROTOCOL", "yes\n", `true or false: "yes\n"`, "true or false"},
		{"OFFLOAD_HTTP_ADDR", "::1:8080", `host:port: "::1:8080"`, "did you mean [::1]:8080?"},
		{"OFFLOAD_HTTP_ADDR", "::1", `host:port: "::1"`, "did you mean [::1]:8080?"},
		{"OFFLOAD_HTTP_ADDR", "*:8080", `host:port: "*:8080"`, "did you mean :8080?"},
		{"OFFLOAD_SESSION_TOKEN_ISSUER", "${ISSUER}", "has a reference", "write the value itself"},
		{"OFFLOAD_SESSION_TOKEN_AUDIENCE", "app-$(hostname)", "has a reference", "write the value"},
		{"OFFLOAD_BUILD_VERSION", "{{ tag }}", "has a reference", "write the value itself"},
		{"OFFLOAD_SESSION_KEYSET_FILE", "$KEYSET", "has a reference", "write the value itself"},
		{"OFFLOAD_SESSION_TTL_SECONDS", "${TTL:-600}", "has a reference", "write the value itself"},
		{"OFFLOAD_HTTP_ADDR", "8080", `host:port: "8080"`, "did you mean :8080?"},
		{"OFFLOAD_HTTP_ADDR", "localhost", `host:port: "localhost"`, "did you mean localhost:8080?"},
		{"OFFLOAD_HTTP_ADDR", "127.0.0.1\t:8080", `"127.0.0.1\t:8080"`, "did you mean 127.0.0.1:8080?"},
		{"OFFLOAD_HTTP_ADDR", "http://0.0.0.0:8080/", `"http://0.0.0.0:8080/"`,
			"did you mean 0.0.0.0:8080?"},
		{"OFFLOAD_HTTP_ADDR", "/run/http.sock", `"/run/http.sock"`, "did you mean unix:/run/http.sock?"},
		{"OFFLOAD_OPS_ADDR", "0.0.0.0", `host:port: "0.0.0.0"`, "did you mean 0.0.0.0:9090?"},
		{"OFFLOAD_TRUSTED_PROXIES", `"10.0.0.1"`, "is enclosed in quotes", "remove the quotes"},
		{"OFFLOAD_SESSION_TTL_SECONDS", `'60'`, "is enclosed in quotes", "remove the quotes"},
		{"OFFLOAD_CORS_ALLOWED_ORIGINS", "https://a.example/login",
			`or scheme://host:port: "https://a.example/login"`, "did you mean https://a.example?"},
		{"OFFLOAD_CORS_ALLOWED_ORIGINS", "a.example", `"a.example"`, "did you mean https://a.example?"},
		{"OFFLOAD_OPS_ADDR", " :9090 ", `host:port: " :9090 "`, "did you mean :9090?"},
		{"OFFLOAD_TRUSTED_PROXIES", "10.0.0.1:80", `a prefix: "10.0.0.1:80"`,
			"did you mean 10.0.0.1?"},
		{"OFFLOAD_TRUSTED_PROXIES", "[::1]", `a prefix: "[::1]"`, "did you mean ::1?"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			faults := load(t, env(c.name+"="+c.value)).Faults
			assertFindings(t, []finding{{c.name, "environment", c.problem}}, faults)
			assert.Contains(t, faults[0].Remedy, c.remedy)
		})
	}
	faults := load(t, env("OFFLOAD_OPS_ADDR=unix:/run/ops.sock")).Faults
	require.Len(t, faults, 1)
	assert.NotContains(t, faults[0].Remedy, "did you mean", "this listener has no socket")
	for _, name := range []string{"OFFLOAD_SESSION_TTL_SECONDS", "OFFLOAD_LOG_LEVEL",
		"OFFLOAD_PROXY_PROTOCOL", "OFFLOAD_TRUSTED_PROXIES"} {
		t.Run(name+" with a secret", func(t *testing.T) {
			load(t, env(name+"="+strongA)) // fails if the secret appears
			load(t, env(name+"=redis://u:"+redisPassword+"@h"))
			load(t, env(name+"=redis://h?password="+redisPassword))
		})
	}
	for name, value := range map[string]string{"OFFLOAD_OPS_ADDR": "none",
		"OFFLOAD_HTTP_ADDR": "8080x"} {
		assert.NotContains(t, load(t, env(name+"="+value)).Faults[0].Remedy, "did you mean")
	}
	assert.NotContains(t, load(t, env("OFFLOAD_HTTP_ADDR=:1", "OFFLOAD_OPS_ADDR=:1",
		"OFFLOAD_SESSION_SECRET="+strongA)).Faults[0].Remedy, "did you mean")
}

// smallLimits are limits that a storage of one subject can hold.
var smallLimits = []string{
	"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=8", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK=8",
	"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=8", "OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL=8",
	"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP=8",
}

func TestMaxSubjectsTooSmallForLimits(t *testing.T) {
	const variable, problem = "OFFLOAD_LIMITER_MAX_SUBJECTS", "is too small for a limit of"
	for _, limit := range smallLimits {
		name, _, _ := strings.Cut(limit, "=")
		t.Run(name, func(t *testing.T) {
			with := func(limit string) config.Review {
				return load(t, env(append(slices.Clone(smallLimits), variable+"=124",
					name+"="+limit)...))
			}
			assertFindings(t, []finding{{variable, "environment", problem + " 993"}},
				with("993").Faults)
			assertFindings(t, nil, with("992").Faults)
		})
	}
	runCases(t, []testCase{
		{"too small for the default limits", env(variable + "=1249"),
			[]finding{{variable, "environment", problem + " 10000"}}, []finding{unsetSecret}},
		{"an invalid limit", env(variable+"=1",
			"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=10001"),
			[]finding{{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP", "environment", "is not"}},
			[]finding{unsetSecret}},
	})
}

func TestFaultsAreInTableOrder(t *testing.T) {
	tempDir(t)
	review := load(t, input{
		yaml: "log_level: x\nsession_ttl_seconds: x\nhttp_adr: x",
		environ: []string{"OFFLOAD_LOG_FORMAT=x", "OFFLOAD_ENVIRONMENT=prod",
			"OFFLOAD_SECRET_DENYLIST_FILE=/nowhere", "OFFLOAD_LIMITER_STORAGE=x",
			"OFFLOAD_TRUSTED_PROXIES=x", "OFFLOAD_LIMITER_DIGEST_KEY=" + weak},
		args: []string{"--ops-addr=x", "--session-token-active-kid=:"},
	})
	var order []string
	for _, fault := range review.Faults {
		order = append(order, strings.TrimPrefix(fault.Variable, "OFFLOAD_"))
	}
	assert.Equal(t, []string{"SESSION_SECRET", "SESSION_TTL_SECONDS", "SESSION_TOKEN_ACTIVE_KID",
		"LIMITER_STORAGE", "LIMITER_DIGEST_KEY", "LIMITER_DIGEST_KEY",
		"TRUSTED_PROXIES", "OPS_ADDR", "LOG_LEVEL", "LOG_FORMAT", "SECRET_DENYLIST_FILE",
		"http_adr"}, order)
}

func TestFlags(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	var names []string
	flags.VisitAll(func(flag *pflag.Flag) {
		names = append(names, flag.Name)
		assert.NotEmpty(t, flag.Usage)
	})
	var want []string
	for _, one := range load(t, input{}).Settings[1:] {
		if one.Value != "[not set]" {
			want = append(want, strings.ReplaceAll(
				strings.ToLower(strings.TrimPrefix(one.Variable, "OFFLOAD_")), "_", "-"))
		}
	}
	want = append(want, "config")
	slices.Sort(want)
	assert.Equal(t, want, names)
	for _, secret := range []string{"session-secret", "session-signing-keys", "limiter-digest-key",
		"redis-url"} {
		assert.Nil(t, flags.Lookup(secret), secret)
	}
}

func TestSettings(t *testing.T) {
	tempDir(t)
	write(t, "digest", strongC, 0o600)
	review := load(t, input{
		yaml: "session_signing_keys:\n  v2-default: " + strongA +
			"\nlimiter_digest_key_file: digest",
		environ: []string{"OFFLOAD_BUILD_VERSION=" + strings.Repeat("x", 250),
			"OFFLOAD_TRUSTED_PROXIES=10.0.0.1,\x1b[2J", "OFFLOAD_SESSION_TOKEN_ISSUER= me "},
		args: []string{"--ops-addr="},
	})
	require.Len(t, review.Settings, 58)
	for variable, want := range map[string]config.Setting{
		"OFFLOAD_CONFIG_FILE": {Value: "session.yaml", Origin: "environment"},
		"OFFLOAD_BUILD_VERSION": {Value: strings.Repeat("x", 200) + "…",
			Origin: "environment"},
		"OFFLOAD_SESSION_SECRET":       {Value: "[not set]", Origin: "default"},
		"OFFLOAD_SESSION_SIGNING_KEYS": {Value: "[set]", Origin: "file session.yaml"},
		"OFFLOAD_LIMITER_DIGEST_KEY": {Value: "[set]",
			Origin: "file session.yaml, by limiter_digest_key_file"},
		"OFFLOAD_SESSION_TOKEN_ISSUER": {Value: "me", Origin: "environment"},
		"OFFLOAD_TRUSTED_PROXIES":      {Value: `"10.0.0.1,\x1b[2J"`, Origin: "environment"},
		"OFFLOAD_OPS_ADDR":             {Value: "", Origin: "flag --ops-addr"},
		"OFFLOAD_LOG_LEVEL":            {Value: "info", Origin: "default"},
	} {
		want.Variable = variable
		assert.Equal(t, want, setting(t, review, variable))
	}
}

func TestMaxSubjectsTooSmallForOneRequest(t *testing.T) {
	review := load(t, env(append(smallLimits, "OFFLOAD_LIMITER_MAX_SUBJECTS=1")...))
	assertFindings(t, nil, review.Faults)
	assertFindings(t, []finding{unsetSecret, {"OFFLOAD_LIMITER_MAX_SUBJECTS", "environment",
		"is smaller than the number of subjects of one request"}}, review.Warnings)
}
