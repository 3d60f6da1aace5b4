package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap/config"
)

// The secrets that the suites put in. None may come out, nor any eight characters of one.
const (
	strongA = "xSJmd-09H0na5mqyA71YnlD1QRNo3zjsyHGzu2iZtJc"
	strongB = "w4Vq8TzKp2LmX7cRb9JhYd3sGf5NuEaQoWi6Zt1Pv0k"
	strongC = "7f3a91c60d5eb8246a1f9c03e5d7b42810fe96ac35d8e7"
	madeUp  = "\x01\x02made-up-by-random\x03-of-32-bytes\x04"
	weak    = "kqz8-jxw4-vpt"

	redisPassword = "hunter2hunter2"
	common        = "velvet walnut pepper rocket shadow guitar"
	published     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var planted = append([]string{strongA, strongB, strongC, madeUp, weak, common, published,
	redisPassword},
	inBase64(strongA), inBase64(strongB), inBase64(strongC), inBase64(madeUp), inBase64(weak),
	inBase64(common), inBase64(published))

// noon is when the configuration is judged, in every test.
var noon = time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)

// inBase64 is a secret as a keyset holds it.
func inBase64(secret string) string { return base64.RawURLEncoding.EncodeToString([]byte(secret)) }

// given is what a test gives to Load.
type given struct {
	environ []string
	yaml    string
	args    []string
}

// env gives variables of the environment alone.
func env(environ ...string) given { return given{environ: environ} }

// production gives variables that make a sound production-like environment, and more after them.
func production(more ...string) given {
	return env(append([]string{"OFFLOAD_ENVIRONMENT=production",
		"OFFLOAD_SESSION_SECRET=" + strongA}, more...)...)
}

// inYAML gives a file alone.
func inYAML(text string) given { return given{yaml: text} }

// yamlName is the name of the file in every test.
const yamlName = "session.yaml"

// load reads what is given, from a folder of the test's own, and hunts in all that comes out for the secrets that went in.
func load(t testing.TB, in given) config.Review {
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
		Random: func(n int) []byte { return []byte(madeUp)[:n] },
	})
	hunt(t, printed(t, review), planted...)
	return review
}

// write puts a file into the working folder.
func write(t testing.TB, name, content string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(content), mode))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

// folder makes a working folder of the test's own.
func folder(t testing.TB) {
	t.Helper()
	t.Chdir(t.TempDir())
}

// printed is all that can be seen of a review.
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

// hunt looks for secrets, and any eight characters of one, in what can be seen.
func hunt(t testing.TB, seen string, secrets ...string) {
	t.Helper()
	const part = 8
	found := map[string]bool{}
	for _, secret := range secrets {
		for i := range len(secret) - part + 1 {
			found[secret[i:i+part]] = true
			found[fmt.Sprintf("%x", secret[i:i+part])] = true
		}
	}
	for _, length := range []int{part, 2 * part} {
		for at := range max(0, len(seen)-length+1) {
			if found[seen[at:at+length]] {
				assert.Fail(t, "a secret is shown", "%q in …%s…", seen[at:at+length],
					seen[max(0, at-100):min(len(seen), at+100)])
				return
			}
		}
	}
}

// told is a fault or a warning as the tests write it.
type told struct{ variable, origin, problem string }

// expect compares what was told with what should be: variable and origin whole, of the problem a part.
func expect[one config.Fault | config.Warning](t testing.TB, want []told, got []one) {
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

// judged is one row of the tables: what is given, and all that is told of it.
type judged struct {
	name     string
	in       given
	faults   []told
	warnings []told
}

// unsetSecret is the warning of every sound configuration for development that gives no secret.
var unsetSecret = told{"OFFLOAD_SESSION_SECRET", "default", "is not set"}

func judge(t *testing.T, rows []judged) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			folder(t)
			review := load(t, row.in)
			expect(t, row.faults, review.Faults)
			expect(t, row.warnings, review.Warnings)
		})
	}
}

// setting finds a variable among the settings.
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

func TestSecretIsHidden(t *testing.T) {
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

func TestHuntFinds(t *testing.T) {
	review := config.Review{Faults: []config.Fault{{Problem: "it is " + strongA[3:12]}}}
	assert.Contains(t, printed(t, review), strongA[3:11])
}
