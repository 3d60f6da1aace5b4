package plan_test

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

// secret returns an environment with a secret.
func secret(text string) harness.Env { return harness.Env{"OFFLOAD_SESSION_SECRET": text} }
