package e2e_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// Phase 2: a production-like environment does not start without a good secret, and a development
// environment always does. The tests use the built binary, its exit status and its sockets.

// Secrets that must be refused, by the rule that they violate.
const (
	defaultSecret = "dev-secret-change-me" // the default of the Offload backend
	shortSecret   = "Zk3vQ9mB7xL2wR5t"     // good except for its length
	evenSecret    = "abababababababababababababababab"
	placeholder   = "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME"
	guessable     = "qwertyuiopasdfghjklzxcvbnmqwertyuiop"
	// publishedByRFC is the key of RFC 7515, A.1; it is as random as a key can be.
	publishedByRFC = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	publishedByJWT = "a-string-secret-at-least-256-bits-long" // from jwt.io
	// encodedSentence is please-change-this-signing-secret in base64.
	encodedSentence = "cGxlYXNlLWNoYW5nZS10aGlzLXNpZ25pbmctc2VjcmV0"
)

func TestPhase2ProductionRefusesBadSecrets(t *testing.T) {
	t.Parallel()
	denylist := harness.SecretFile(t, 0o600, "# ours, of last year\n"+harness.StrongSecret+"\n")
	for name, refused := range map[string]struct {
		env      harness.Env
		variable string
		says     string
	}{
		"missing": {nil, "OFFLOAD_SESSION_SECRET", "is not set"},
		"set to the empty string": {harness.Env{"OFFLOAD_SESSION_SECRET": ""}, "OFFLOAD_SESSION_SECRET",
			"is not set"},
		"only white space": {harness.Env{"OFFLOAD_SESSION_SECRET": " \t\n "},
			"OFFLOAD_SESSION_SECRET", "is not set"},
		"the default": {secret(defaultSecret), "OFFLOAD_SESSION_SECRET",
			"(rule: placeholder)"},
		"short": {secret(shortSecret), "OFFLOAD_SESSION_SECRET", "(rule: length)"},
		"short after trimming": {secret("          " + shortSecret + "          "),
			"OFFLOAD_SESSION_SECRET", "(rule: length)"},
		"too long": {secret(strings.Repeat(harness.StrongSecret, 24)), "OFFLOAD_SESSION_SECRET",
			"(rule: length)"},
		"of two characters": {secret(evenSecret), "OFFLOAD_SESSION_SECRET", "(rule: variety)"},
		"placeholder": {secret(placeholder), "OFFLOAD_SESSION_SECRET",
			"(rule: placeholder)"},
		"guessable": {secret(guessable), "OFFLOAD_SESSION_SECRET", "(rule: entropy)"},
		"an encoded sentence": {secret(encodedSentence), "OFFLOAD_SESSION_SECRET",
			"decodes from hex or base64"},
		"published by RFC": {secret(publishedByRFC), "OFFLOAD_SESSION_SECRET",
			"(rule: published)"},
		"published by jwt": {secret(publishedByJWT), "OFFLOAD_SESSION_SECRET",
			"(rule: published)"},
		"on the denylist": {
			secret(harness.StrongSecret).With(
				harness.Env{"OFFLOAD_SECRET_DENYLIST_FILE": denylist}),
			"OFFLOAD_SESSION_SECRET", "(rule: published)",
		},
		"bad, from a file": {
			harness.Env{"OFFLOAD_SESSION_SECRET_FILE": harness.SecretFile(t, 0o600,
				publishedByRFC+"\n")},
			"OFFLOAD_SESSION_SECRET", "(rule: published)",
		},
		"good, from a file that others may read": {
			harness.Env{"OFFLOAD_SESSION_SECRET_FILE": harness.SecretFile(t, 0o644,
				harness.StrongSecret+"\n")},
			"OFFLOAD_SESSION_SECRET", "read or written by others",
		},
		"good, from a missing file": {
			harness.Env{"OFFLOAD_SESSION_SECRET_FILE": filepath.Join(t.TempDir(), "none")},
			"OFFLOAD_SESSION_SECRET", "is not found",
		},
		"a verifying key that is weak": {harness.Env{
			"OFFLOAD_SESSION_SIGNING_KEYS": `{"new":"` + harness.StrongSecret + `","old":"` +
				guessable +
				`"}`,
			"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": "new",
		}, "OFFLOAD_SESSION_SIGNING_KEYS", "(rule: entropy)"},
		"an empty set of signing keys": {harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": `{}`},
			"OFFLOAD_SESSION_SIGNING_KEYS", "problem:"},
		"a good secret, bad digest key": {
			secret(harness.StrongSecret).With(harness.Env{"OFFLOAD_LIMITER_DIGEST_KEY": guessable}),
			"OFFLOAD_LIMITER_DIGEST_KEY", "(rule: entropy)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := harness.Env{"OFFLOAD_ENVIRONMENT": "production"}.With(refused.env)
			exit := harness.RunRefused(t, env)
			harness.AssertRefused(t, exit, env)
			assert.Contains(t, exit.Output, refused.variable)
			assert.Contains(t, exit.Output, refused.says)
		})
	}
}

func TestPhase2OtherEnvironmentsAreProductionLike(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"production", "staging", "prod ", "Production", "PROD", "live", "prodution", "developmen",
		"dev1", "dev,test", "none", "-", "0", "\u00a0qa\u00a0",
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			for name, bad := range map[string]harness.Env{"missing": nil,
				"default": secret(defaultSecret)} {
				env := harness.Env{"OFFLOAD_ENVIRONMENT": word}.With(bad)
				exit := harness.RunRefused(t, env)
				harness.AssertRefused(t, exit, env)
				assert.Contains(t, exit.Output, "OFFLOAD_SESSION_SECRET", name)
			}
			service := harness.Start(t, harness.Production(
				harness.Env{"OFFLOAD_ENVIRONMENT": word}))
			assert.Empty(t, service.Log.Of("configuration_warning"))
			assert.Equal(t, true, service.Log.Await(t, "service_started").Fields["production"])
			assert.Equal(t, http.StatusOK, service.Current(t,
				harness.Bearer(service.Token(t, "install-12345"))).Status)
			assert.Zero(t, service.Stop(t))
		})
	}
}

func TestPhase2DevelopmentAlwaysStarts(t *testing.T) {
	t.Parallel()
	secrets := map[string]harness.Env{
		"missing":     nil,
		"nothing":     secret(""),
		"default":     secret(defaultSecret),
		"short":       secret("x"),
		"placeholder": secret(placeholder),
		"published":   secret(publishedByJWT),
		"weak keys":   {"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"a","old":"b"}`},
	}
	words := map[string]harness.Env{"not set": nil}
	for _, word := range []string{"", "dev", "development", "local", "test", "testing", " Dev\t",
		"DEVELOPMENT", "Local"} {
		words["is "+word] = harness.Env{"OFFLOAD_ENVIRONMENT": word}
	}
	for name, word := range words {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, given := range secrets {
				service := harness.Start(t, word.With(given))
				warnings := service.Log.Of("configuration_warning")
				require.NotEmpty(t, warnings, name)
				for _, warning := range warnings {
					assert.Equal(t, "WARN", warning.String("level"), name)
					assert.Contains(t, []string{"OFFLOAD_SESSION_SECRET",
						"OFFLOAD_SESSION_SIGNING_KEYS"}, warning.String("variable"), name)
				}
				assert.Equal(t, http.StatusOK,
					service.Current(t, harness.Bearer(service.Token(t, "install-12345"))).Status,
					name)
				assert.Zero(t, service.Stop(t), name)
				harness.AssertNoSecret(t, service.Log.Text(), word.With(given))
			}
		})
	}
	t.Run("without a warning about a good secret", func(t *testing.T) {
		service := harness.Start(t, secret(harness.StrongSecret))
		assert.Empty(t, service.Log.Of("configuration_warning"))
	})
}

// TestPhase2StructuralFaultsStopDevelopmentToo shows that an inconsistent configuration, as opposed
// to a weak secret, prevents the start in every environment.
func TestPhase2StructuralFaultsStopDevelopmentToo(t *testing.T) {
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

func TestPhase2AllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	env := harness.Env{
		"OFFLOAD_ENVIRONMENT":                        "prod",
		"OFFLOAD_SESSION_SECRET":                     guessable,
		"OFFLOAD_SESSION_TTL_SECONDS":                "1h",
		"OFFLOAD_SESSION_TOKEN_ISSUER":               "",
		"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS":         "61",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         "0",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "10001",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "-1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_MODE":           "log",
		"OFFLOAD_LIMITER_DIGEST_KEY":                 placeholder,
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

// secret returns an environment with a secret.
func secret(text string) harness.Env { return harness.Env{"OFFLOAD_SESSION_SECRET": text} }
