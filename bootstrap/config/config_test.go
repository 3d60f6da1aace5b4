package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/capacity"
	"github.com/offload/sessiond/bootstrap/config"
)

// The secrets that the tests use as input. No eight consecutive characters of one may appear in any
// output.
const (
	strongA   = "xSJmd-09H0na5mqyA71YnlD1QRNo3zjsyHGzu2iZtJc"
	strongB   = "w4Vq8TzKp2LmX7cRb9JhYd3sGf5NuEaQoWi6Zt1Pv0k"
	strongC   = "7f3a91c60d5eb8246a1f9c03e5d7b42810fe96ac35d8e7"
	randomKey = "\x01\x02made-up-by-random\x03-of-32-bytes\x04"
	weak      = "kqz8-jxw4-vpt"

	redisPassword = "hunter2hunter2"
	common        = "velvet walnut pepper rocket shadow guitar"
	published     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var secrets = append([]string{strongA, strongB, strongC, randomKey, weak, common, published,
	redisPassword},
	inBase64(strongA), inBase64(strongB), inBase64(strongC), inBase64(randomKey), inBase64(weak),
	inBase64(common), inBase64(published))

// noon is the time of every test.
var noon = time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)

// inBase64 returns a secret in the encoding of a keyset.
func inBase64(secret string) string { return base64.RawURLEncoding.EncodeToString([]byte(secret)) }

// input is what a test passes to Load.
type input struct {
	environ []string
	yaml    string
	args    []string
	// capacity is what the machine allows; the zero value is no limit.
	capacity capacity.Capacity
}

// env returns an input of environment variables only.
func env(environ ...string) input { return input{environ: environ} }

// production returns an input of variables that form a valid production-like environment, followed
// by more.
func production(more ...string) input {
	return env(append([]string{"OFFLOAD_ENVIRONMENT=production",
		"OFFLOAD_SESSION_SECRET=" + strongA}, more...)...)
}

// inYAML returns an input of a configuration file only.
func inYAML(text string) input { return input{yaml: text} }

// yamlName is the name of the configuration file in every test.
const yamlName = "session.yaml"

// load loads the input in the working directory. It fails the test if a secret of the input appears
// in any output.
func load(t testing.TB, in input) config.Review {
	t.Helper()
	environ := in.environ
	if in.yaml != "" {
		write(t, yamlName, in.yaml, 0o600)
		environ = append(environ[:len(environ):len(environ)], "OFFLOAD_CONFIG_FILE="+yamlName)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	require.NoError(t, flags.Parse(in.args))
	review := config.Load(config.Sources{
		Flags: flags, Environ: environ, BuildVersion: "1.2.3", Now: noon,
		Random: func(n int) []byte { return []byte(randomKey)[:n] }, Capacity: in.capacity,
	})
	assertNoSecret(t, printed(t, review), secrets...)
	return review
}

// write writes a file with the given mode and returns its name.
func write(t testing.TB, name, content string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(content), mode))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

// tempDir changes to a temporary working directory.
func tempDir(t testing.TB) {
	t.Helper()
	t.Chdir(t.TempDir())
}

// printed returns everything that can be seen of a review: formatted, encoded and logged.
func printed(t testing.TB, review config.Review) string {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", review)
		fmt.Fprintf(&out, verb+"\n", &review)
		fmt.Fprintf(&out, verb+"\n", review.Config.DigestKey)
	}
	encoded, err := json.Marshal(review)
	require.NoError(t, err)
	out.Write(encoded)
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil),
		slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("review", "review", review, "config", review.Config, "key",
			review.Config.DigestKey)
	}
	return out.String()
}

// assertNoSecret fails the test if eight consecutive characters of a secret are in the output.
func assertNoSecret(t testing.TB, output string, secrets ...string) {
	t.Helper()
	const part = 8
	found := map[string]bool{}
	var begins [1 << 16]bool // by the first two bytes: most of the output needs no further look
	begin := func(text string) uint16 { return uint16(text[0])<<8 | uint16(text[1]) }
	for _, secret := range secrets {
		for i := range len(secret) - part + 1 {
			for _, text := range []string{secret[i : i+part], fmt.Sprintf("%x", secret[i:i+part])} {
				found[text], begins[begin(text)] = true, true
			}
		}
	}
	for _, length := range []int{part, 2 * part} {
		for at := range max(0, len(output)-length+1) {
			if begins[begin(output[at:])] && found[output[at:at+length]] {
				assert.Fail(t, "output contains a secret", "%q in …%s…", output[at:at+length],
					output[max(0, at-100):min(len(output), at+100)])
				return
			}
		}
	}
}

// finding is an expected fault or warning. The problem is a part of the actual one.
type finding struct{ variable, origin, problem string }

// assertFindings compares findings with the expected ones: variable and origin exactly, the problem
// as a part.
func assertFindings[one config.Fault | config.Warning](t testing.TB, want []finding, got []one) {
	t.Helper()
	lines := make([]string, 0, len(got))
	for _, fault := range got {
		lines = append(lines, fmt.Sprintf("%+v", config.Fault(fault)))
		assert.NotEmpty(t, config.Fault(fault).Remedy)
	}
	if !assert.Len(t, got, len(want), strings.Join(lines, "\n")) {
		return
	}
	for i, fault := range got {
		fault := config.Fault(fault)
		assert.Equal(t, want[i].variable, fault.Variable)
		assert.Equal(t, want[i].origin, fault.Origin)
		assert.Contains(t, fault.Problem, want[i].problem)
	}
}

// testCase is an input, with all faults and warnings that it causes.
type testCase struct {
	name     string
	in       input
	faults   []finding
	warnings []finding
}

// inDevelopment returns an input whose environment is development by name, followed by more.
func inDevelopment(more ...string) input {
	return env(append([]string{"OFFLOAD_ENVIRONMENT=development"}, more...)...)
}

// served is the warning of such a configuration where others can reach the service.
var served = finding{"OFFLOAD_ENVIRONMENT", "environment",
	"weak secrets are accepted although others may reach the service"}

// unsetSecret is the warning of every valid development configuration without a secret.
var unsetSecret = finding{"OFFLOAD_SESSION_SECRET", "default", "is not set"}

func runCases(t *testing.T, cases []testCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tempDir(t)
			review := load(t, c.in)
			assertFindings(t, c.faults, review.Faults)
			assertFindings(t, c.warnings, review.Warnings)
		})
	}
}

// setting returns the setting of a variable.
func setting(t testing.TB, review config.Review, variable string) config.Setting {
	t.Helper()
	for _, one := range review.Settings {
		if one.Variable == variable {
			return one
		}
	}
	require.Fail(t, "no such setting", variable)
	return config.Setting{}
}

func TestSecretIsNeverShown(t *testing.T) {
	secret := config.NewSecret(strongA)
	assert.Equal(t, []byte(strongA), secret.Bytes())
	holder := struct {
		Key  config.Secret
		Keys []config.Secret
		Map  map[string]*config.Secret
		key  config.Secret
	}{secret, []config.Secret{secret}, map[string]*config.Secret{"k": &secret}, secret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p",
		"%T", "%08.3f"} {
		text := fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, holder)
		assert.NotContains(t, text, strongA[:6], verb)
		assert.NotContains(t, strings.ToLower(text), fmt.Sprintf("%x", strongA[:6]), verb)
	}
	encoded, err := json.Marshal(holder)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Key":"[secret]","Keys":["[secret]"],"Map":{"k":"[secret]"}}`,
		string(encoded))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", secret, "holder", holder)
	assert.NotContains(t, log.String(), strongA[:6])
	assert.Equal(t, "[secret]", secret.String())
	assert.Equal(t, "[secret]", secret.GoString())
}

// TestSecretInWrongVariableIsNotShown pastes a secret into each variable that is no secret itself,
// except those that accept any text.
func TestSecretInWrongVariableIsNotShown(t *testing.T) {
	anyText := []string{"OFFLOAD_BUILD_VERSION", "OFFLOAD_SESSION_TOKEN_ISSUER",
		"OFFLOAD_SESSION_TOKEN_AUDIENCE", "OFFLOAD_SESSION_TOKEN_ACTIVE_KID",
		"OFFLOAD_SESSION_BOUND_AUDIENCE", "OFFLOAD_REDIS_KEY_PREFIX"}
	tempDir(t)
	const pasted = "Zk9Qw3rT7yUi1oPaSdFgHjKlZxCvBnM05eR8tY2u"
	for _, one := range load(t, input{}).Settings {
		if slices.Contains(anyText, one.Variable) || one.Value == "[not set]" {
			continue
		}
		t.Run(one.Variable, func(t *testing.T) {
			in := env(one.Variable + "=" + pasted)
			if strings.HasPrefix(one.Variable, "OFFLOAD_REDIS_TLS_") { // otherwise not used
				in.environ = append(in.environ, "OFFLOAD_LIMITER_STORAGE=redis",
					"OFFLOAD_REDIS_URL=rediss://localhost")
			}
			review := load(t, in)
			assert.NotEmpty(t, review.Faults)
			assertNoSecret(t, fmt.Sprint(review.Faults, review.Warnings, review.Settings), pasted)
		})
	}
}

func TestAssertNoSecretChecksAllOutput(t *testing.T) {
	review := config.Review{Faults: []config.Fault{{Problem: "it is " + strongA[3:12]}}}
	assert.Contains(t, printed(t, review), strongA[3:11])
}
